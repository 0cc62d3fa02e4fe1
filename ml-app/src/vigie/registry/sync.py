"""model-sync: the cache holds what the aliases of each model name, or says why not."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from vigie.errors import RegistryError
from vigie.registry.alias_sync import AliasSync
from vigie.registry.cache import CHALLENGER, CHAMPION, ModelCache, RegistryState
from vigie.registry.client import RegistryClient
from vigie.registry.followed import followed_models
from vigie.registry.looking import Source, keep_looking
from vigie.registry.poll_cache import PollCache

if TYPE_CHECKING:
    from vigie.registry.alias_sync import SyncResult
    from vigie.registry.client import RegisteredModel
    from vigie.settings import Settings

log = logging.getLogger("vigie.registry")

SOURCE = Source("following", "the registry is away, serving goes on: %s", "the registry is back")
MOST_AT_ONCE = 4
"""Models that are looked at side by side: a slow download holds up no other model."""


class RegistrySync:
    """Looks at the registry again and again; the cache changes only for a verified package."""

    def __init__(self, settings: Settings, client: RegistryClient | None = None) -> None:
        self._settings = settings
        self._cache = ModelCache(settings.cache)
        self._client = client or RegistryClient.of(settings)
        self._refusals = dict(self._cache.registry_state().refusals)
        verifying = threading.Lock()
        self._champions, self._challengers = (
            AliasSync(alias, settings, self._client, self._cache, verifying, refusals)
            for alias, refusals in ((CHAMPION, self._refusals), (CHALLENGER, {}))
        )
        self._pool = ThreadPoolExecutor(MOST_AT_ONCE, "sync")
        self._under_way: dict[str, Future[SyncResult]] = {}
        self._poll_cache = PollCache(self._cache)
        self._without_champion: set[str] = set()
        self._stop = threading.Event()

    def sync_once(self, longest: float | None = None) -> dict[str, SyncResult]:
        """Looks at every followed model; gives what happened, by model. Raises `RegistryError`.

        What is not done after `longest` seconds goes on, and a later look tells how it ended. A
        download that fails is the trouble of its model, and no error.
        """
        listed = {model.name: model for model in self._client.models()}
        followed = followed_models(self._settings, listed)
        found = self._take_out()
        self._poll_cache.begin(followed)
        for name in followed:
            if name in self._under_way:
                continue
            known = self._poll_cache.known(name, listed.get(name))
            if known is not None:
                found[name] = known
            else:
                self._under_way[name] = self._pool.submit(self._sync, name, listed.get(name))
        wait(self._under_way.values(), longest)
        found |= self._take_out()
        results = {name: end for name, end in found.items() if not isinstance(end, RegistryError)}
        if not followed or any(result != "failed" for result in results.values()):
            self._cache.note_registry(RegistryState(time.time(), self._refusals))
        for failure in found.values():
            if isinstance(failure, RegistryError):
                raise failure
        return results | self._clear_out(followed)

    def run(self, stop: threading.Event) -> None:
        """Follows until `stop` is set; a registry that is away costs nothing but a log line."""
        self._stop = stop
        keep_looking(SOURCE, self._look, self._settings, stop)
        self._pool.shutdown(cancel_futures=True)

    def _look(self) -> bool:
        self.sync_once(self._settings.poll_seconds)
        # what is under way has had no answer yet
        return not self._under_way

    def _sync(self, name: str, listed: RegisteredModel | None) -> SyncResult:
        champion = self._sync_champion(name)
        challenger = self._sync_challenger(name)
        again = (champion == "refused" and self._champions.retries(name)) or (
            challenger == "refused" and self._challengers.retries(name)
        )
        if not again:
            self._poll_cache.note(listed, champion, challenger)
        return champion

    def _sync_champion(self, name: str) -> SyncResult:
        wanted = self._client.version_of(name, CHAMPION)
        if wanted is None:
            self._miss(name)
            return "absent"
        self._without_champion.discard(name)
        return self._champions.sync(wanted, self._stop)

    def _sync_challenger(self, name: str) -> SyncResult:
        champion = self._cache.champion(name)
        wanted = None
        if champion is not None and self._settings.tries_challengers:
            wanted = self._client.version_of(name, CHALLENGER)
        if wanted is None or champion is None or wanted.digest == champion.digest:
            return self._challengers.withdraw(name)
        return self._challengers.sync(wanted, self._stop)

    def _take_out(self) -> dict[str, SyncResult | RegistryError]:
        """How the looks that are over ended; one that failed holds up none of the others."""
        ends: dict[str, SyncResult | RegistryError] = {}
        for name in [name for name, look in self._under_way.items() if look.done()]:
            try:
                ends[name] = self._under_way.pop(name).result()
            except RegistryError as failure:
                ends[name] = failure
        return ends

    def _clear_out(self, followed: list[str]) -> dict[str, SyncResult]:
        """Removes the models whose champion somebody withdrew; never a required one."""
        if not self._settings.serves_every_model:
            return {}
        results: dict[str, SyncResult] = {}
        for name in [*self._cache.models(), *self._cache.refused()]:
            # a look that is under way holds the lock of its model
            if name in followed or name in self._under_way:
                continue
            if self._withdrawn(name):
                self._forget(name)
                results[name] = "removed"
        return results

    def _withdrawn(self, name: str) -> bool:
        """True where the registry has the version that serves and gives it no alias any more.

        A list that came back short, a version or a registry that is gone: none of that says so.
        """
        if self._client.version_of(name, CHAMPION) is not None:
            return False
        cached = self._cache.champion(name)
        if cached is None:
            return True
        there = self._client.version(name, cached.version)
        if there is not None and there.digest == cached.digest:
            return True
        self._miss(name)
        return False

    def _miss(self, name: str) -> None:
        """Says once that the registry names no champion of a model that serves."""
        current = self._cache.champion(name)
        if current and name not in self._without_champion:
            self._without_champion.add(name)
            log.warning(
                "%s has no champion in MLflow; version %s goes on serving", name, current.version
            )

    def _forget(self, name: str) -> None:
        with self._cache.lock(name):
            self._cache.forget(name)
        self._champions.forget(name)
        self._without_champion.discard(name)
        log.info("%s has no champion any more and is removed", name)
