"""The importer: makes packages, in place, of versions that get an alias and are none."""

from __future__ import annotations

import contextlib
import logging
import secrets
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vigie.errors import RefusedPackage, RegistryError
from vigie.registry.alive import note_alive
from vigie.registry.backoff import RefusalBackoff, pause
from vigie.registry.cache import CHALLENGER, CHAMPION
from vigie.registry.client import DIGEST_TAG, RegisteredVersion
from vigie.registry.fetch import Superseded
from vigie.registry.followed import followed_models
from vigie.registry.import_watch import PATIENCE_SECONDS, LastChange
from vigie.registry.operate import OperatorClient
from vigie.registry.package_maker import make_package
from vigie.registry.tags import (
    DONE,
    FAILED,
    IMPORT,
    IMPORT_REASON,
    IMPORTED,
    IMPORTER,
    RUNNING,
)

if TYPE_CHECKING:
    from vigie.registry.cache import Alias
    from vigie.registry.client import RegisteredModel
    from vigie.settings import Settings

log = logging.getLogger("vigie.registry")

ImportResult = Literal["absent", "failed", "imported", "left", "package", "refused"]

ALIVE = "importing"
BEAT_SECONDS = 10.0
"""How often it says that it is still at it: much oftener than others are patient."""
CLAIM_SECONDS = 1.0
_PREFIX = "import-"
_MOST_REASON = 1000


class Importer:
    """Looks at the registry again and again; imports one version at a time."""

    def __init__(self, settings: Settings, client: OperatorClient | None = None) -> None:
        self._settings = settings
        self._client = client or OperatorClient.of(settings)
        self._id = secrets.token_hex(8)
        self._backoff = {alias: RefusalBackoff() for alias in (CHAMPION, CHALLENGER)}
        self._packages: dict[tuple[str, str], str] = {}
        self._last_change = LastChange()
        self._stop = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Imports until `stop` is set; switched off, it sleeps."""
        self._stop = stop
        failed = 0
        for stale in self._settings.state.glob(f"{_PREFIX}*"):
            shutil.rmtree(stale, ignore_errors=True)
        while not stop.is_set():
            note_alive(self._settings.state, ALIVE)
            try:
                if self._settings.import_ == "auto":
                    self.look_once()
                failed = 0
            except RegistryError as failure:
                if not failed:
                    log.warning("the registry is away, nothing is imported: %s", failure)
                failed += 1
            stop.wait(pause(self._settings.poll_seconds, failed))

    def look_once(self) -> dict[str, ImportResult]:
        """Imports what there is to import; what came of it, by model. Raises `RegistryError`."""
        listed = {model.name: model for model in self._client.models()}
        results: dict[str, ImportResult] = {}
        for name in followed_models(self._settings, listed):
            for alias in (CHAMPION, CHALLENGER):
                if name in listed and not self._stop.is_set():
                    result = self._look_at(listed[name], alias)
                    if alias == CHAMPION or result == "imported":
                        results[name] = result
        return results

    def _look_at(self, model: RegisteredModel, alias: Alias) -> ImportResult:
        number = model.aliases.get(alias)
        if number is None or (alias == CHALLENGER and not self._settings.tries_challengers):
            return "absent"
        if self._packages.get((model.name, alias)) == number:
            return "package"
        if held := self._backoff[alias].held(RegisteredVersion(model.name, number, "")):
            return held
        version = self._client.version(model.name, number)
        if version is None:
            return "absent"
        if version.digest is not None:
            self._packages[model.name, alias] = number
            return "package"
        if self._is_taken(version):
            return "left"
        return self._try(version, alias)

    def _is_taken(self, version: RegisteredVersion) -> bool:
        """True where another importer is at it, and lately said so."""
        age = self._last_change.age(version)
        if version.tags.get(IMPORT) != RUNNING or self._is_mine(version):
            return False
        return age < PATIENCE_SECONDS

    def _is_mine(self, version: RegisteredVersion | None) -> bool:
        return version is not None and version.tags.get(IMPORTER, "").startswith(self._id)

    def _try(self, version: RegisteredVersion, alias: Alias) -> ImportResult:
        name, number = version.name, version.version
        try:
            if not self._claim(version):
                return "left"
            log.info("%s version %s was logged without Vigie and is imported", name, number)
            self._import(version)
        except Superseded:
            self._release(version)
            return "left"
        except RefusedPackage as reason:
            log.error("%s version %s cannot be imported: %s", name, number, reason)
            self._backoff[alias].add(version, reason)
            told = {IMPORT_REASON: str(reason)[:_MOST_REASON], IMPORT: FAILED}
            self._client.tag(name, number, told)
            return "refused"
        except (RegistryError, OSError) as failure:
            why = failure if isinstance(failure, RegistryError) else failure.strerror
            log.warning("%s version %s is imported later: %s", name, number, why)
            self._backoff[alias].add(version, RegistryError(str(why)))
            return "failed"
        return "imported"

    def _claim(self, version: RegisteredVersion) -> bool:
        """Writes this importer's name on the version; False where another's stands there then."""
        name, number = version.name, version.version
        self._client.tag(name, number, {IMPORTER: f"{self._id} 0", IMPORT: RUNNING})
        self._stop.wait(CLAIM_SECONDS)
        return self._is_mine(self._client.version(name, number))

    def _release(self, version: RegisteredVersion) -> None:
        """Lets another go on at once with what this one began."""
        with contextlib.suppress(RegistryError):
            if self._is_mine(self._client.version(version.name, version.version)):
                self._client.untag(version.name, version.version, IMPORT)

    def _import(self, version: RegisteredVersion) -> None:
        """Makes the package beside the version's own files; the digest, which says so, comes last.

        Raises `Superseded` where another importer took over, or this one is to end.
        """
        settings, name, number = self._settings, version.name, version.version
        watch = _Heartbeat(self, version)
        settings.state.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=settings.state) as folder:
            root = Path(folder) / "version"
            self._client.download(version, root, settings.max_package_bytes, watch)
            made = make_package(root, version, IMPORT in version.tags, settings, watch)
            self._check_mine(version)
            self._client.add_files(version, root, made.files)
        self._check_mine(version)
        told = {IMPORTED: "in place", IMPORT: DONE, DIGEST_TAG: made.digest}
        self._client.tag(name, number, told)
        log.info("%s version %s is a package now", name, number)

    def _check_mine(self, version: RegisteredVersion) -> None:
        if not self._is_mine(self._client.version(version.name, version.version)):
            raise Superseded

    def beat(self, version: RegisteredVersion, count: int) -> None:
        """Shows that it is still at a version; raises `Superseded` once it is to end."""
        if self._stop.is_set():
            raise Superseded
        note_alive(self._settings.state, ALIVE)
        if count:
            with contextlib.suppress(RegistryError):
                told = {IMPORTER: f"{self._id} {count}"}
                self._client.tag(version.name, version.version, told)


class _Heartbeat:
    """Called again and again while a version is imported; says so in MLflow every few seconds."""

    def __init__(self, importer: Importer, version: RegisteredVersion) -> None:
        self._importer = importer
        self._version = version
        self._count = 0
        self._next = time.monotonic() + BEAT_SECONDS

    def __call__(self) -> None:
        count = 0
        if time.monotonic() >= self._next:
            self._count += 1
            count = self._count
            self._next = time.monotonic() + BEAT_SECONDS
        self._importer.beat(self._version, count)
