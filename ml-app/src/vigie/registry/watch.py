"""Whether a download is still wanted: the download itself asks, every few seconds."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping

from vigie.errors import RegistryError
from vigie.registry.client import RegisteredVersion, RegistryClient

LOOK_SECONDS = 3.0


class Superseded(Exception):
    """Nobody wants the download any more: an alias moved, or the process ends."""


class Watch:
    """Raises `Superseded` once the aliases of a model name other versions, or `stop` is set."""

    def __init__(
        self,
        client: RegistryClient,
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
