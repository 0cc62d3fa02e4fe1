"""How long what failed is left alone: a registry that is away, a version, its download."""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from vigie.errors import BrokenPackage, RegistryError

if TYPE_CHECKING:
    from vigie.errors import RefusedPackage
    from vigie.registry.client import RegisteredVersion

Held = Literal["refused", "failed"]

LONGEST_AWAY = 8.0
BROKEN_PAUSES = 10.0, 600.0
FAILED_PAUSES = 2.0, 8.0
"""The first pause and the longest, seconds: what came and was broken, what did not come at all."""


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
    result: Held
    pause: float
    until: float


class RefusalBackoff:
    """Which versions are left alone, the last of each model, and which are worth another download.

    A refusal stands until the alias moves. A package that did not arrive as it was registered is
    asked for again, less and less often; a download that failed soon.
    """

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    def held(self, version: RegisteredVersion) -> Held | None:
        """What came of the version, where it is to be left alone now."""
        entry = self._same(version)
        return entry.result if entry and time.monotonic() < entry.until else None

    def add(self, version: RegisteredVersion, reason: RefusedPackage | RegistryError) -> None:
        """Leaves the version alone from now on, for a while or for good."""
        failed = isinstance(reason, RegistryError)
        before = self._same(version)
        first, longest = FAILED_PAUSES if failed else BROKEN_PAUSES
        pause = min(2 * before.pause, longest) if before else first
        lasting = pause if failed or isinstance(reason, BrokenPackage) else math.inf
        self._entries[version.name] = _Entry(
            version.version, version.digest, "failed" if failed else "refused",
            pause, time.monotonic() + lasting,
        )  # fmt: skip

    def retries(self, model: str) -> bool:
        """True where the last of a model that was left alone is to be asked for again."""
        entry = self._entries.get(model)
        return entry is not None and entry.until < math.inf

    def forget(self, name: str) -> None:
        """Forgets what was left alone of a model."""
        self._entries.pop(name, None)

    def _same(self, version: RegisteredVersion) -> _Entry | None:
        entry = self._entries.get(version.name)
        if entry and (entry.version, entry.digest) == (version.version, version.digest):
            return entry
        return None
