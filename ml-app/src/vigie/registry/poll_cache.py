"""What the list of registered models is enough to tell: that a model is as it was."""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vigie.registry.cache import CHALLENGER

if TYPE_CHECKING:
    from vigie.registry.alias_sync import SyncResult
    from vigie.registry.cache import ModelCache
    from vigie.registry.client import RegisteredModel

RECHECK_SECONDS = 60.0
MOST_RECHECKS = 2
"""Unchanged models that are asked about in one round: its requests do not grow with the models."""
_LASTING = frozenset({"current", "refused", "absent"})


@dataclass(frozen=True, slots=True)
class _Poll:
    """A finished look at one model: what the list and the cache showed, and what came of it."""

    model: RegisteredModel
    pointers: tuple[str | None, str | None]
    result: SyncResult
    at: float


class PollCache:
    """Remembers the last look at each model, so that an unchanged one costs MLflow no question.

    MLflow hashes the password at every request: one list for all models instead of two questions
    for each. Tags are not in the list, so unchanged models are asked about all the same, once a
    minute where they are few: those that were refused first, as somebody may force them.
    """

    def __init__(self, cache: ModelCache) -> None:
        self._cache = cache
        self._seen: dict[str, _Poll] = {}

    def begin(self, followed: Iterable[str]) -> None:
        """Begins a round; forgets what was seen longest ago, so that it is asked about."""
        self._seen = {name: self._seen[name] for name in followed if name in self._seen}
        latest = time.monotonic() - RECHECK_SECONDS
        # a look of the round before may end meanwhile, in another thread, and be noted
        stale = [
            (poll.result != "refused", poll.at, name)
            for name, poll in list(self._seen.items())
            if poll.at < latest
        ]
        for _, _, name in heapq.nsmallest(MOST_RECHECKS, stale):
            del self._seen[name]

    def known(self, name: str, listed: RegisteredModel | None) -> SyncResult | None:
        """The result of the last look where nothing has moved since, else `None`."""
        last = self._seen.get(name)
        if last is None:
            return None
        same = last.model == listed and last.pointers == self._pointers(name)
        return last.result if same else None

    def note(
        self, listed: RegisteredModel | None, champion: SyncResult, challenger: SyncResult
    ) -> None:
        """Keeps a look that ended well; one that changed the cache is followed by another."""
        if listed is not None and {champion, challenger} <= _LASTING:
            pointers = self._pointers(listed.name)
            self._seen[listed.name] = _Poll(listed, pointers, champion, time.monotonic())

    def _pointers(self, name: str) -> tuple[str | None, str | None]:
        return self._cache.pointer(name), self._cache.pointer(name, CHALLENGER)
