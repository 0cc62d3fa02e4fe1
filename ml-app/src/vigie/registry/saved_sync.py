"""Serves a folder of SavedModels: each new version becomes a package, the highest good one serves.

What is known of a version stays in the cache: the digest of its files stands there as the run that
its package came of, so that nothing is imported twice.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from vigie.errors import BrokenPackage, DataError, RefusedPackage, RegistryError
from vigie.registry.alias_sync import AliasSync
from vigie.registry.backoff import RefusalBackoff
from vigie.registry.cache import CHAMPION, ModelCache, Refusal, RegistryState
from vigie.registry.client import DIGEST_TAG, RegisteredVersion
from vigie.registry.looking import Source, keep_looking

if TYPE_CHECKING:
    from vigie.registry.alias_sync import SyncResult
    from vigie.registry.saved_folder import SavedFolder, SavedVersion
    from vigie.settings import Settings

log = logging.getLogger("vigie.registry")

SOURCE = Source("looking", "%s; serving goes on", "the folder of models can be read again")
MakePackage = Callable[[Path, str, Path], str]
"""Makes the package of a SavedModel: its folder, the model's name, where it is to lie. The digest.

Raises `RefusedPackage` and `DataError`.
"""
_PREFIX = "import-"


class SavedSync:
    """Looks at a folder again and again; the cache changes only for a verified package."""

    def __init__(
        self,
        settings: Settings,
        folder: SavedFolder,
        make: MakePackage,
        refresh: Callable[[], None] = lambda: None,
    ) -> None:
        """`refresh` brings to the folder what lies elsewhere; it raises `RegistryError`."""
        self._settings = settings
        self._folder = folder
        self._make = make
        self._refresh = refresh
        self._cache = ModelCache(settings.cache)
        self._refusals = dict(self._cache.registry_state().refusals)
        self._made = _Made()
        self._champions = AliasSync(
            CHAMPION, settings, self._made, self._cache, threading.Lock(), self._refusals
        )
        self._stop = threading.Event()
        self._seen: dict[tuple[str, str], str] = {}
        self._served: dict[tuple[str, str], str] = {}
        self._reasons: dict[tuple[str, str], Refusal] = {}
        self._backoff = RefusalBackoff()
        self._looked = False
        self._left_out: set[str] = set()

    def sync_once(self) -> dict[str, SyncResult]:
        """Brings every model to its highest good version. Raises `RegistryError`.

        A version whose files have changed since the last look is left for the next one: it may be
        on its way. At the first look all are taken as they are.
        """
        self._refresh()
        self._tell_left_out()
        found = self._folder.versions()
        self._note_read()
        results: dict[str, SyncResult] = {}
        for name, versions in found.items():
            results[name] = self._sync_model(name, versions)
            self._note_read()
        self._looked = True
        return results | self._clear_out(set(found))

    def _note_read(self) -> None:
        # not at the end alone: the imports of many models take long, and the folder is there
        self._cache.note_registry(RegistryState(time.time(), self._refusals))

    def run(self, stop: threading.Event) -> None:
        """Looks until `stop` is set."""
        self._stop = stop
        keep_looking(SOURCE, self._look, self._settings, stop)

    def _look(self) -> bool:
        self.sync_once()
        return True

    def _sync_model(self, name: str, versions: list[SavedVersion]) -> SyncResult:
        result: SyncResult = "absent"
        refusal: Refusal | None = None
        for version in versions:
            if self._stop.is_set():
                return "superseded"
            result, reason = self._sync_version(version)
            refusal = refusal or reason
            if result in ("current", "installed"):
                break
            if self._serves(version):
                # its package is good, whatever becomes of its files
                result = "current" if result == "superseded" else result
                break
        self._note(name, refusal)
        return result

    def _sync_version(self, version: SavedVersion) -> tuple[SyncResult, Refusal | None]:
        """What came of a version, with the reason where it is refused."""
        key = (version.name, version.number)
        try:
            stamp = version.stamp()
        except (DataError, OSError) as failure:
            stamp = type(failure).__name__
        if held := self._backoff.held(_tried(version, stamp)):
            return held, self._reasons.get(key)
        if self._served.get(key) == stamp and self._serves(version):
            return "current", None
        before, self._seen[key] = self._seen.get(key), stamp
        if self._looked and before != stamp:
            return "superseded", self._reasons.get(key)
        result = self._take(version, stamp)
        if result in ("current", "installed"):
            self._served[key] = stamp
            self._reasons.pop(key, None)
        return result, self._reasons.get(key)

    def _serves(self, version: SavedVersion) -> bool:
        current = self._cache.champion(version.name)
        return current is not None and current.version == version.number

    def _take(self, version: SavedVersion, stamp: str) -> SyncResult:
        """Makes the package, where the cache has none of these files, and lets it serve."""
        try:
            version.check()
            run = version.digest()
        except DataError as failure:
            return self._refuse(version, stamp, RefusedPackage(str(failure)))
        except OSError as failure:
            return self._refuse(version, stamp, BrokenPackage(f"cannot be read: {_why(failure)}"))
        try:
            known = self._cache.find_run(version.name, run)
            if known is None:
                return self._import(version, run, stamp)
            return self._install(version, stamp, _registered(version, run, known.digest))
        except RefusedPackage as reason:
            return self._refuse(version, stamp, reason)
        except DataError as failure:
            return self._refuse(version, stamp, RefusedPackage(str(failure)))
        except OSError as failure:
            return self._put_off(version, stamp, failure)

    def _install(
        self, version: SavedVersion, stamp: str, registered: RegisteredVersion
    ) -> SyncResult:
        result = self._champions.sync(registered, self._stop)
        if result == "refused":
            passing = self._champions.retries(version.name)
            self._hold(version, stamp, BrokenPackage() if passing else RefusedPackage())
        elif result == "failed":
            self._backoff.add(_tried(version, stamp), RegistryError())
        return result

    def _refuse(self, version: SavedVersion, stamp: str, reason: RefusedPackage) -> SyncResult:
        if _changed(version, stamp):
            return "superseded"
        self._champions.refuse(_registered(version, ""), reason)
        self._hold(version, stamp, reason)
        return "refused"

    def _hold(self, version: SavedVersion, stamp: str, reason: RefusedPackage) -> None:
        """Leaves a refused version alone until its files change; what may pass, for a while."""
        self._backoff.add(_tried(version, stamp), reason)
        recorded = self._cache.refusal(version.name)
        # of what is refused as before nothing new is recorded
        if recorded and recorded.version == version.number:
            self._reasons[version.name, version.number] = recorded

    def _put_off(self, version: SavedVersion, stamp: str, failure: OSError) -> SyncResult:
        """Leaves for later what trouble of our own prevents: the version is not at fault."""
        self._backoff.add(_tried(version, stamp), RegistryError())
        told = "%s version %s cannot be taken now and is tried again: %s"
        log.warning(told, version.name, version.number, _why(failure))
        return "failed"

    def _import(self, version: SavedVersion, run: str, stamp: str) -> SyncResult:
        name, number = version.name, version.number
        log.info("%s version %s is imported", name, number)
        self._settings.state.mkdir(parents=True, exist_ok=True)
        for stale in self._settings.state.glob(f"{_PREFIX}*"):
            shutil.rmtree(stale, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=self._settings.state) as folder:
            root = Path(folder) / "package"
            with self._told(version):
                digest = self._make(version.path, name, root)
            if _changed(version, stamp):
                return "superseded"
            self._made.root = root
            return self._install(version, stamp, _registered(version, run, digest))

    @contextlib.contextmanager
    def _told(self, version: SavedVersion) -> Iterator[None]:
        """Says that the package is being made; then the refusal is there again, to compare with."""
        name, number = version.name, version.number
        before = self._cache.refusal(name)
        told = f"version {number} is new; its package is being made"
        self._cache.refuse(name, Refusal(number, "", told, pending=True))
        try:
            yield
        finally:
            self._note(name, None if before and before.pending else before)

    def _note(self, name: str, refusal: Refusal | None) -> None:
        """Keeps why the highest version is refused, also while a lower one serves."""
        if refusal is None:
            self._cache.clear_refusal(name)
        elif self._cache.refusal(name) != refusal:
            self._cache.refuse(name, refusal)

    def _clear_out(self, found: set[str]) -> dict[str, SyncResult]:
        """Removes the models whose folders somebody took away; never a required one."""
        here = {*self._cache.models(), *self._cache.refused()}
        results: dict[str, SyncResult] = {}
        missing = here - found - set(self._settings.required_models)
        for name in sorted(filter(self._folder.is_gone, missing)):
            with self._cache.lock(name):
                self._cache.forget(name)
            self._champions.forget(name)
            log.info("%s is not in the folder any more and is removed", name)
            results[name] = "removed"
        return results

    def _tell_left_out(self) -> None:
        reasons = self._folder.left_out()
        for name in sorted(reasons.keys() - self._left_out):
            log.warning("the folder %s is not served: %s", name, reasons[name])
        self._left_out |= reasons.keys()


class _Made:
    """The package that was made last, for the one who verifies and installs it."""

    root = Path()

    def version_of(self, name: str, alias: str) -> RegisteredVersion | None:
        return None

    def download(
        self,
        version: RegisteredVersion,
        folder: Path,
        most_bytes: int,
        cancel_check: Callable[[], None] = lambda: None,
    ) -> None:
        shutil.copytree(self.root, folder, dirs_exist_ok=True)


def _registered(version: SavedVersion, run: str, digest: str | None = None) -> RegisteredVersion:
    tags = {DIGEST_TAG: digest} if digest else {}
    return RegisteredVersion(version.name, version.number, run, tags)


def _tried(version: SavedVersion, stamp: str) -> RegisteredVersion:
    """What is left alone after a refusal: these files of this version, apart from all others."""
    tags = {DIGEST_TAG: stamp}
    return RegisteredVersion(f"{version.name}/{version.number}", version.number, "", tags)


def _why(failure: OSError) -> str:
    """The reason without a path; many files that cannot be copied have none of their own."""
    return failure.strerror or "files cannot be copied"


def _changed(version: SavedVersion, stamp: str) -> bool:
    try:
        return version.stamp() != stamp
    except (DataError, OSError):
        return False
