"""Brings a registered version here: whole and verified, or only what it takes and answers."""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

from vigie.errors import RefusedPackage, RegistryError
from vigie.models.package import DOCUMENT, MAX_JSON_BYTES, read_document
from vigie.models.signing import load_public_keys
from vigie.registry.gate.integrity import verify_package

if TYPE_CHECKING:
    from vigie.models.document import PackageDocument
    from vigie.models.package import Package
    from vigie.registry.client import RegisteredVersion, RegistryClient
    from vigie.settings import Settings

LOOK_SECONDS = 3.0


def fetch_verified(
    client: RegistryClient, version: RegisteredVersion, root: Path, settings: Settings
) -> Package:
    """The package of a version, downloaded into `root` and verified as the service does.

    Raises `RefusedPackage` and `RegistryError`.
    """
    if version.digest is None:
        raise RefusedPackage(
            "it is not a package; register it with `vigie train` or `vigie import`"
        )
    client.download(version, root, settings.max_package_bytes)
    keys = load_public_keys(settings.public_keys)
    return verify_package(root, version.digest, version.name, settings, keys)


def document_of(client: RegistryClient, name: str, number: str) -> PackageDocument | None:
    """The `package.json` of a version, not held against its digest; `None` where it has none."""
    version = client.version(name, number)
    if version is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / DOCUMENT
        target.parent.mkdir()
        try:
            client.download_file(version, PurePosixPath(DOCUMENT), target, MAX_JSON_BYTES)
            return read_document(Path(folder))
        except RefusedPackage:
            return None


class VersionSource(Protocol):
    """What versions come from: MLflow, or a folder."""

    def version_of(self, name: str, alias: str) -> RegisteredVersion | None:
        """The version that an alias names now."""

    def download(
        self,
        version: RegisteredVersion,
        folder: Path,
        most_bytes: int,
        cancel_check: Callable[[], None] = ...,
    ) -> None:
        """Writes its files below `folder`. Raises `RegistryError` and `RefusedPackage`."""


class Superseded(Exception):
    """Nobody wants the download any more: an alias moved, or the process ends."""


class CancelCheck:
    """Whether a download is still wanted, which asks it every few seconds.

    Raises `Superseded` once the aliases of a model name other versions, or `stop` is set.
    """

    def __init__(
        self,
        client: VersionSource,
        name: str,
        aliases: Mapping[str, RegisteredVersion | None],
        stop: threading.Event,
    ) -> None:
        self._client = client
        self._name = name
        self._aliases = aliases
        self._stop = stop
        self._next = time.monotonic() + LOOK_SECONDS

    def __call__(self) -> None:
        """Asks the registry every `LOOK_SECONDS`; between two questions it costs nothing."""
        if self._stop.is_set():
            raise Superseded
        if time.monotonic() < self._next:
            return
        for alias, expected in self._aliases.items():
            # a question that stays open is no reason to throw away what has come so far
            with contextlib.suppress(RegistryError):
                if _identity(self._client.version_of(self._name, alias)) != _identity(expected):
                    raise Superseded
        self._next = time.monotonic() + LOOK_SECONDS


def _identity(version: RegisteredVersion | None) -> tuple[str, str | None] | None:
    return None if version is None else (version.version, version.digest)
