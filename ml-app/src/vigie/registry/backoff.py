"""How long what failed is left alone: a registry that is away, a version that was refused."""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass

from vigie.errors import BrokenPackage, RefusedPackage
from vigie.registry.client import RegisteredVersion

FIRST_PAUSE, LONGEST_PAUSE = 10.0, 600.0
LONGEST_AWAY = 8.0


def pause(poll_seconds: float, failed: int) -> float:
    """Seconds from one look to the next: more while the registry is away, never quite the same."""
    longest = max(poll_seconds, LONGEST_AWAY)
    # the exponent is bounded: an outage may last for days
    seconds = min(poll_seconds * 2.0 ** min(failed, 10), longest)
    return seconds * random.uniform(0.8, 1.2)  # noqa: S311 -- no secret


@dataclass(frozen=True, slots=True)
class _Entry:
    version: str
    digest: str | None
    pause: float
    until: float


class RefusalBackoff:
    """Which versions were refused, the last of each model, and which are worth another download.

    A refusal stands until the alias moves. A package that did not arrive as it was registered is
    asked for again, less and less often.
    """

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    def holds(self, version: RegisteredVersion) -> bool:
        """True where the version is to be left alone now."""
        entry = self._same(version)
        return entry is not None and time.monotonic() < entry.until

    def add(self, version: RegisteredVersion, reason: RefusedPackage) -> None:
        """Leaves the version alone from now on, for a while or for good."""
        before = self._same(version)
        pause = min(2 * before.pause, LONGEST_PAUSE) if before else FIRST_PAUSE
        lasting = pause if isinstance(reason, BrokenPackage) else math.inf
        until = time.monotonic() + lasting
        self._entries[version.name] = _Entry(version.version, version.digest, pause, until)

    def retries(self, model: str) -> bool:
        """True where the last refused version of a model is to be asked for again."""
        entry = self._entries.get(model)
        return entry is not None and entry.until < math.inf

    def forget(self, name: str) -> None:
        """Forgets what was refused of a model."""
        self._entries.pop(name, None)

    def _same(self, version: RegisteredVersion) -> _Entry | None:
        entry = self._entries.get(version.name)
        if entry and (entry.version, entry.digest) == (version.version, version.digest):
            return entry
        return None
