"""The registry process: the cache holds what the champion alias names, or says why not."""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait

from vigie.errors import RegistryError
from vigie.registry.alias_sync import ChampionFollower
from vigie.registry.cache import CHAMPION, ModelCache, RegistryState
from vigie.registry.challenger import ChallengerFollower
from vigie.registry.client import RegisteredModel, RegistryClient
from vigie.registry.fetch import Intake
from vigie.registry.poll_cache import Looks
from vigie.settings import MODEL_NAME, Settings

log = logging.getLogger("vigie.registry")


LONGEST_PAUSE = 8.0
ALIVE = "following"
MOST_AT_ONCE = 4
"""Models that are looked at side by side: a slow download holds up no other model."""


def pause(poll_seconds: float, failed: int) -> float:
    """Seconds from one look to the next: more while the registry is away, never quite the same."""
    longest = max(poll_seconds, LONGEST_PAUSE)
    # the exponent is bounded: an outage may last for days
    seconds = min(poll_seconds * 2.0 ** min(failed, 10), longest)
    return seconds * random.uniform(0.8, 1.2)  # noqa: S311 -- no secret


class Follower:
    """Looks at the registry again and again; the cache changes only for a verified package."""

    def __init__(self, settings: Settings, client: RegistryClient | None = None) -> None:
        self._settings = settings
        self._cache = ModelCache(settings.cache)
        self._client = client or RegistryClient.of(settings)
        intake = Intake(settings, self._client, self._cache)
        self._champions = ChampionFollower(settings, self._client, self._cache, intake)
        self._challengers = ChallengerFollower(settings, self._client, self._cache, intake)
        self._pool = ThreadPoolExecutor(MOST_AT_ONCE, "follow")
        self._under_way: dict[str, Future[str]] = {}
        self._looks = Looks(self._cache)
        self._stop = threading.Event()

    def follow_once(self, longest: float | None = None) -> dict[str, str]:
        """Looks at every followed model; gives what happened, by model. Raises `RegistryError`.

        What is not done after `longest` seconds goes on, and a later look tells how it ended.
        """
        listed = {model.name: model for model in self._client.models()}
        followed = self._followed(listed)
        found = self._take_out()
        for name in followed:
            if name in self._under_way:
                continue
            known = self._looks.known(name, listed.get(name))
            if known is not None:
                found[name] = known
            else:
                self._under_way[name] = self._pool.submit(self._follow, name, listed.get(name))
        wait(self._under_way.values(), longest)
        found |= self._take_out()
        outcomes = {name: end for name, end in found.items() if isinstance(end, str)}
        if outcomes or not followed:
            self._cache.note_registry(RegistryState(time.time(), self._champions.refusals))
        for failure in found.values():
            if isinstance(failure, RegistryError):
                raise failure
        return outcomes | self._clear_out(followed)

    def run(self, stop: threading.Event) -> None:
        """Follows until `stop` is set; a registry that is away costs nothing but a log line."""
        self._stop = stop
        failed = 0
        while not stop.is_set():
            began = time.monotonic()
            self._note_alive()
            try:
                done = self.follow_once(self._settings.poll_seconds)
                if done and failed and not self._under_way:
                    log.info("the registry is back")
                    failed = 0
            except RegistryError as failure:
                if not failed:
                    log.warning("the registry is away, serving goes on: %s", failure)
                failed += 1
            except OSError as failure:
                log.error("the cache cannot be written: %s", failure.strerror)
            # the time of a look counts: one that waits for an answer is a pause by itself
            took = time.monotonic() - began
            stop.wait(max(pause(self._settings.poll_seconds, failed) - took, 0))
        self._pool.shutdown(cancel_futures=True)

    def _note_alive(self) -> None:
        """Shows that it goes round: a file whose time a health check compares with now."""
        with contextlib.suppress(OSError):
            self._settings.state.mkdir(parents=True, exist_ok=True)
            (self._settings.state / ALIVE).touch()

    def _follow(self, name: str, listed: RegisteredModel | None) -> str:
        outcome = self._champions.follow(name, self._stop)
        other = self._challengers.follow(name, self._stop)
        again = (outcome == "refused" and self._champions.refused.retries(name)) or (
            other == "refused" and self._challengers.refused.retries(name)
        )
        if not again:
            self._looks.note(listed, outcome, other)
        return outcome

    def _take_out(self) -> dict[str, str | RegistryError]:
        """How the looks that are over ended; one that failed holds up none of the others."""
        ends: dict[str, str | RegistryError] = {}
        for name in [name for name, look in self._under_way.items() if look.done()]:
            try:
                ends[name] = self._under_way.pop(name).result()
            except RegistryError as failure:
                ends[name] = failure
        return ends

    def _followed(self, listed: Mapping[str, RegisteredModel]) -> list[str]:
        names = list(self._settings.required_models)
        if self._settings.serves_every_model:
            others = [name for name, model in listed.items() if CHAMPION in model.aliases]
            names += [n for n in others if n not in names and MODEL_NAME.fullmatch(n)]
        return names

    def _clear_out(self, followed: list[str]) -> dict[str, str]:
        """Removes the models whose champion somebody withdrew; never a required one."""
        if not self._settings.serves_every_model:
            return {}
        outcomes = {}
        for name in [*self._cache.models(), *self._cache.refused()]:
            # a look that is under way holds the lock of its model
            if name in followed or name in self._under_way:
                continue
            if self._withdrawn(name):
                self._champions.forget(name)
                outcomes[name] = "removed"
        return outcomes

    def _withdrawn(self, name: str) -> bool:
        """True where the registry has the version that serves and gives it no alias any more.

        A list that came back short, a version or a registry that is gone: none of that is a wish.
        """
        if self._client.version_of(name, CHAMPION) is not None:
            return False
        cached = self._cache.champion(name)
        if cached is None:
            return True
        there = self._client.version(name, cached.version)
        if there is not None and there.digest == cached.digest:
            return True
        self._champions.miss(name)
        return False
