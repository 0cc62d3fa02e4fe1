"""A copy of a shared cache: what model-sync has proved once, beside each replica that serves it.

The copy is as good as its source: bytes are held against their digest and the signature, the rest
was tried where model-sync runs. A source that is away changes nothing here.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal

from vigie.errors import ConfigurationError, RefusedPackage, RegistryError
from vigie.models.manifest import verify_manifest
from vigie.models.package import read_package
from vigie.models.signing import PublicKeys, verify_signature
from vigie.registry.cache import CHALLENGER, CHAMPION, ModelCache, Refusal, RegistryState
from vigie.registry.fetch import Superseded
from vigie.registry.looking import Source, keep_looking
from vigie.registry.share_client import ShareClient

if TYPE_CHECKING:
    from pathlib import Path

    from vigie.registry.cache import Alias
    from vigie.registry.share_client import SharedAlias, SharedModel, SharedVersion, ShareIndex
    from vigie.settings import Settings

log = logging.getLogger("vigie.registry")

SOURCE = Source("mirroring", "serving goes on without news: %s", "the shared cache is back")
MOST_AT_ONCE = 4
MirrorResult = Literal["absent", "current", "failed", "installed", "removed"]


class CacheMirror:
    """Looks at the shared cache again and again and makes the cache of this machine equal."""

    def __init__(self, settings: Settings) -> None:
        if not settings.cache_url:
            raise ConfigurationError("VIGIE_CACHE_URL: name the address of a `vigie share`")
        self._settings = settings
        self._cache = ModelCache(settings.cache)
        self._client = ShareClient(settings.cache_url, settings.registry_timeout_seconds)
        self._keys = PublicKeys(settings.public_keys)
        self._stop = threading.Event()
        self._told: dict[str, str] = {}

    def sync_once(self) -> dict[str, MirrorResult]:
        """Brings every model to what is shared now; gives what came of it, by model.

        Raises `RegistryError` where the index does not come; a model that fails is told of alone.
        """
        index = self._client.index()
        wanted = {name: model for name, model in index.models.items() if self._is_wanted(name)}
        with ThreadPoolExecutor(MOST_AT_ONCE, "mirror") as pool:
            done = pool.map(self._sync_model, wanted, wanted.values())
            results: dict[str, MirrorResult] = dict(zip(wanted, done, strict=True))
        state = RegistryState(self._client.last_success, dict(index.refusals))
        self._cache.note_registry(state)
        return results | self._clear_out(index)

    def run(self, stop: threading.Event) -> None:
        """Copies until `stop` is set."""
        self._stop = stop
        keep_looking(SOURCE, self._look, self._settings, stop)

    def _look(self) -> bool:
        self.sync_once()
        return True

    def _is_wanted(self, name: str) -> bool:
        return self._settings.serves_every_model or name in self._settings.required_models

    def _sync_model(self, name: str, shared: SharedModel) -> MirrorResult:
        try:
            champion = self._sync_alias(name, CHAMPION, shared.champion)
            if self._settings.tries_challengers:
                self._sync_alias(name, CHALLENGER, shared.challenger)
        except (RefusedPackage, RegistryError) as failure:
            if self._told.get(name) != str(failure):
                log.error("%s cannot be copied: %s", name, failure)
            self._told[name] = str(failure)
            return "failed"
        except Superseded:
            return "failed"
        self._told.pop(name, None)
        return champion

    def _sync_alias(self, name: str, alias: Alias, shared: SharedAlias) -> MirrorResult:
        self._tell_refusal(name, alias, shared)
        if shared.version is None:
            # a champion that is not there may be lost or on its way: the last good one serves on
            return "absent" if alias == CHAMPION else self._withdraw_challenger(name)
        current = self._cache.named(name, alias)
        wanted = shared.version
        if current and (current.digest, current.version) == (wanted.digest, wanted.version):
            return "current"
        with self._cache.lock(name) as incoming:
            cached = self._cache.find(name, wanted.digest)
            if cached is None:
                self._fetch(name, wanted, incoming)
            else:
                # the keys may be others than when it was copied
                verify_signature(cached.root, self._keys.now())
            self._cache.install(name, incoming, wanted.digest, wanted.version, wanted.run_id)
            before = self._cache.pointer(name, alias)
            self._cache.point(name, wanted.digest, alias)
            self._cache.prune(name, {before} if before else set())
        log.info("%s version %s is here as the %s", name, wanted.version, alias)
        return "installed"

    def _fetch(self, name: str, wanted: SharedVersion, incoming: Path) -> None:
        most = self._settings.max_package_bytes
        self._client.download(name, wanted.digest, incoming, most, self._check_stop)
        verify_signature(incoming, self._keys.now())
        verify_manifest(incoming, wanted.digest)
        package = read_package(incoming, wanted.digest)
        if package.document.name != name:
            raise RefusedPackage(f"the package says that it is {package.document.name}")

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise Superseded

    def _tell_refusal(self, name: str, alias: Alias, shared: SharedAlias) -> None:
        if shared.refusal is None:
            self._cache.clear_refusal(name, alias)
            return
        refusal = Refusal(**shared.refusal.model_dump())
        if self._cache.refusal(name, alias) != refusal:
            self._cache.refuse(name, refusal, alias)

    def _withdraw_challenger(self, name: str) -> MirrorResult:
        if not self._cache.withdraw(name, CHALLENGER):
            return "absent"
        log.info("%s has no challenger any more", name)
        return "removed"

    def _clear_out(self, index: ShareIndex) -> dict[str, MirrorResult]:
        """Removes what somebody withdrew, and nothing that is only not in the index."""
        here = {*self._cache.models(), *self._cache.refused()} - set(self._settings.required_models)
        results: dict[str, MirrorResult] = {}
        for name in sorted(here & set(index.withdrawn) - index.models.keys()):
            with self._cache.lock(name):
                self._cache.forget(name)
            log.info("%s has no champion any more and is removed", name)
            results[name] = "removed"
        return results
