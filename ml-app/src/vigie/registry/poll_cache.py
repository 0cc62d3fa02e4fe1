"""What the list of registered models is enough to tell: that a model is as it was."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vigie.registry.cache import CHALLENGER

if TYPE_CHECKING:
    from vigie.registry.alias_sync import SyncResult
    from vigie.registry.cache import ModelCache
    from vigie.registry.client import RegisteredModel

RECHECK_SECONDS = 60.0
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
    for each. Tags are not in the list, so every model is asked for once a minute all the same.
    """

    def __init__(self, cache: ModelCache) -> None:
        self._cache = cache
        self._seen: dict[str, _Poll] = {}

    def known(self, name: str, listed: RegisteredModel | None) -> SyncResult | None:
        """The result of the last look where nothing has moved since, else `None`."""
        last = self._seen.get(name)
        if last is None or time.monotonic() - last.at > RECHECK_SECONDS:
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
