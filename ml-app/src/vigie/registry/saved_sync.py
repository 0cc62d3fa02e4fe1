"""Serves a folder of SavedModels: each new version becomes a package, the highest good one serves.

What is known of a version stays in the cache: the digest of its files stands there as the run that
its package came of, so that nothing is imported twice.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from vigie.errors import DataError, RefusedPackage
from vigie.registry.alias_sync import AliasSync
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

    def __init__(self, settings: Settings, folder: SavedFolder, make: MakePackage) -> None:
        self._settings = settings
        self._folder = folder
        self._make = make
        self._cache = ModelCache(settings.cache)
        self._refusals = dict(self._cache.registry_state().refusals)
        self._made = _Made()
        self._champions = AliasSync(
            CHAMPION, settings, self._made, self._cache, threading.Lock(), self._refusals
        )
        self._stop = threading.Event()
        self._seen: dict[tuple[str, str], str] = {}
        self._settled: dict[tuple[str, str], tuple[str, Refusal | None]] = {}
        self._looked = False
        self._left_out: set[str] = set()

    def sync_once(self) -> dict[str, SyncResult]:
        """Brings every model to its highest good version. Raises `RegistryError`.

        A version whose files have changed since the last look is left for the next one: it may be
        on its way. At the first look all are taken as they are.
        """
        self._tell_left_out()
        found = self._folder.versions()
        results = {name: self._sync_model(name, versions) for name, versions in found.items()}
        self._looked = True
        self._cache.note_registry(RegistryState(time.time(), self._refusals))
        return results | self._clear_out(set(found))

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
            stamp = f"{type(failure).__name__}"
        settled, reason = self._settled.get(key, (None, None))
        if settled == stamp and reason is not None:
            return "refused", reason
        if settled == stamp and self._serves(version):
            return "current", None
        before, self._seen[key] = self._seen.get(key), stamp
        if self._looked and before != stamp:
            return "superseded", None
        result = self._take(version, stamp)
        if result not in ("current", "installed", "refused"):
            return result, None
        refusal = self._cache.refusal(version.name) if result == "refused" else None
        self._settled[key] = (stamp, refusal)
        return result, refusal

    def _serves(self, version: SavedVersion) -> bool:
        current = self._cache.champion(version.name)
        return current is not None and current.version == version.number

    def _take(self, version: SavedVersion, stamp: str) -> SyncResult:
        """Makes the package, where the cache has none of these files, and lets it serve."""
        try:
            version.check()
            run = version.digest()
            known = self._cache.find_run(version.name, run)
            if known is not None:
                return self._champions.sync(_registered(version, run, known.digest), self._stop)
            return self._import(version, run, stamp)
        except (DataError, RefusedPackage, OSError) as failure:
            if _changed(version, stamp):
                return "superseded"
            why = failure.strerror if isinstance(failure, OSError) else failure
            return self._champions.refuse(_registered(version, ""), RefusedPackage(str(why)))

    def _import(self, version: SavedVersion, run: str, stamp: str) -> SyncResult:
        name, number = version.name, version.number
        log.info("%s version %s is imported", name, number)
        told = f"version {number} is new; its package is being made"
        self._cache.refuse(name, Refusal(number, "", told, pending=True))
        self._settings.state.mkdir(parents=True, exist_ok=True)
        for stale in self._settings.state.glob(f"{_PREFIX}*"):
            shutil.rmtree(stale, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=self._settings.state) as folder:
            root = Path(folder) / "package"
            digest = self._make(version.path, name, root)
            if _changed(version, stamp):
                return "superseded"
            self._made.root = root
            return self._champions.sync(_registered(version, run, digest), self._stop)

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
        for name in sorted(here - found - set(self._settings.required_models)):
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


def _changed(version: SavedVersion, stamp: str) -> bool:
    try:
        return version.stamp() != stamp
    except (DataError, OSError):
        return False
