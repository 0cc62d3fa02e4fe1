"""One alias of each model: the cache names what the registry names, once that is proved."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vigie.errors import RefusedPackage, RegistryError
from vigie.models.package import read_package
from vigie.models.signing import PublicKeys, verify_signature
from vigie.registry.backoff import RefusalBackoff
from vigie.registry.cache import CHAMPION, Refusal
from vigie.registry.fetch import CancelCheck, Superseded
from vigie.registry.gate.comparison import check_against_live
from vigie.registry.gate.integrity import verify_package
from vigie.registry.import_watch import ImportWatch
from vigie.registry.tags import settled_figures

if TYPE_CHECKING:
    from vigie.registry.cache import Alias, ModelCache
    from vigie.registry.client import RegisteredVersion
    from vigie.registry.fetch import VersionSource
    from vigie.settings import Settings

log = logging.getLogger("vigie.registry")

SyncResult = Literal[
    "absent", "current", "failed", "importing", "installed", "refused", "removed", "superseded"
]


class AliasSync:
    """Keeps the versions that one alias names: champions, or challengers, of all models."""

    def __init__(
        self,
        alias: Alias,
        settings: Settings,
        client: VersionSource,
        cache: ModelCache,
        verifying: threading.Lock,
        refusals: dict[str, int],
    ) -> None:
        self._alias = alias
        self._settings = settings
        self._client = client
        self._cache = cache
        self._keys = PublicKeys(settings.public_keys)
        self._backoff = RefusalBackoff()
        self._imports = ImportWatch(alias, settings.import_ == "auto")
        # one version at a time: the memory of one, and no other beside what is timed
        self._verifying = verifying
        self._refusals = refusals
        self._failing: dict[str, str] = {}

    def sync(self, wanted: RegisteredVersion, stop: threading.Event) -> SyncResult:
        """Brings the cache to the version that the alias names now."""
        name = wanted.name
        if wanted.digest is None:
            return self._without_package(wanted)
        current = self._cache.named(name, self._alias)
        if current and (current.digest, current.version) == (wanted.digest, wanted.version):
            self._cache.clear_refusal(name, self._alias)
            return "current"
        # a refusal of an earlier process is looked at again: settings or this program may differ
        if held := self._backoff.held(wanted):
            return held
        return self._take(wanted, wanted.digest, stop)

    def withdraw(self, name: str) -> SyncResult:
        """Takes the version out of the cache that the alias names no more."""
        self._cache.clear_refusal(name, self._alias)
        if not self._cache.withdraw(name, self._alias):
            return "absent"
        log.info("%s has no %s any more", name, self._alias)
        return "removed"

    def retries(self, name: str) -> bool:
        """True where the version that was refused last is to be asked for again."""
        return self._backoff.retries(name)

    def forget(self, name: str) -> None:
        """Forgets what was refused of a model."""
        self._backoff.forget(name)
        self._failing.pop(name, None)
        self._refusals.pop(name, None)

    def refuse(self, version: RegisteredVersion, reason: RefusedPackage) -> SyncResult:
        """Records that a version may not serve, and why; the one before goes on."""
        name = version.name
        refusal = Refusal(version.version, version.digest or "", str(reason))
        self._backoff.add(version, reason)
        if self._cache.refusal(name, self._alias) != refusal:
            self._cache.refuse(name, refusal, self._alias)
            self._refusals[name] = self._refusals.get(name, 0) + 1
            what = "version" if self._alias == CHAMPION else self._alias
            log.error("%s %s %s is refused: %s", name, what, version.version, reason)
        return "refused"

    def _take(self, wanted: RegisteredVersion, digest: str, stop: threading.Event) -> SyncResult:
        started = time.monotonic()
        name = wanted.name
        cancel_check = self._cancel_check(wanted, stop)
        with self._cache.lock(name) as incoming:
            try:
                arrived = self._fetch(wanted, digest, incoming, cancel_check)
                with self._verifying:
                    self._prove(wanted, digest, incoming if arrived else None)
                self._cache.install(name, incoming, digest, wanted.version, wanted.run_id)
            except Superseded:
                return "superseded"
            except RefusedPackage as reason:
                return self.refuse(wanted, reason)
            except RegistryError as failure:
                return self._put_off(wanted, failure)
            self._point(name, digest)
        self._failing.pop(name, None)
        self._log_taken(wanted, time.monotonic() - started)
        return "installed"

    def _cancel_check(self, wanted: RegisteredVersion, stop: threading.Event) -> CancelCheck:
        expected: dict[str, RegisteredVersion | None] = {self._alias: wanted}
        if self._alias != CHAMPION:
            # the champion goes first: a challenger on its way must not hold it up
            expected[CHAMPION] = self._client.version_of(wanted.name, CHAMPION)
        return CancelCheck(self._client, wanted.name, expected, stop)

    def _fetch(
        self,
        wanted: RegisteredVersion,
        digest: str,
        incoming: Path,
        cancel_check: Callable[[], None],
    ) -> bool:
        """Brings the version into `incoming`; False where the cache has it. Needs the lock."""
        cached = self._cache.find(wanted.name, digest)
        if cached is not None:
            # the keys may be others than when it was verified
            verify_signature(cached.root, self._keys.now())
            return False
        self._client.download(wanted, incoming, self._settings.max_package_bytes, cancel_check)
        return True

    def _prove(self, wanted: RegisteredVersion, digest: str, incoming: Path | None) -> None:
        tried = self._cache.challenger(wanted.name)
        if incoming is not None:
            candidate = verify_package(
                incoming, digest, wanted.name, self._settings, self._keys.now()
            )
        elif tried is not None and tried.digest == digest:
            candidate = read_package(tried.root, digest)
        else:
            # anything else that is still in the cache has served: going back is always open
            return
        if self._alias == CHAMPION:
            live = self._cache.champion(wanted.name)
            check_against_live(candidate, live, self._settings, settled_figures(wanted))

    def _point(self, name: str, digest: str) -> None:
        """Makes the alias name the package; of champions, the one before stays. Needs the lock."""
        before = self._cache.pointer(name, self._alias)
        self._cache.point(name, digest, self._alias)
        self._cache.clear_refusal(name, self._alias)
        if self._alias == CHAMPION:
            self._cache.prune(name, {digest} | ({before} if before else set()))
        elif before not in (None, digest, self._cache.pointer(name)):
            self._cache.drop(name, str(before))

    def _put_off(self, version: RegisteredVersion, failure: RegistryError) -> SyncResult:
        """Leaves a failed download for later: the trouble of one version is that of no other."""
        name, number = version.name, version.version
        self._backoff.add(version, failure)
        if self._failing.get(name) != number:
            self._failing[name] = number
            log.warning(
                "%s version %s cannot be downloaded and is tried again: %s", name, number, failure
            )
        return "failed"

    def _without_package(self, version: RegisteredVersion) -> SyncResult:
        """Says that the package is being made, or refuses a version that gets none."""
        name, told = version.name, self._imports.pending(version)
        if told is None:
            return self.refuse(version, self._imports.refusal(version))
        awaited = Refusal(version.version, "", told, pending=True)
        if self._cache.refusal(name, self._alias) != awaited:
            self._cache.refuse(name, awaited, self._alias)
            log.info("%s: %s", name, told)
        return "importing"

    def _log_taken(self, version: RegisteredVersion, seconds: float) -> None:
        name, number = version.name, version.version
        if self._alias == CHAMPION:
            verified = "%s version %s verified in %.1f s and handed to the workers"
            log.info(verified, name, number, seconds)
        else:
            log.info("%s version %s is tried as the %s", name, number, self._alias)
