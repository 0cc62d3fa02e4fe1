"""Which versions this process has refused, and which of them are worth another download."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from vigie.errors import BrokenPackage, RefusedPackage
from vigie.registry.client import RegisteredVersion

FIRST_PAUSE, LONGEST_PAUSE = 10.0, 600.0


@dataclass(frozen=True, slots=True)
class _Entry:
    version: str
    digest: str | None
    pause: float
    until: float


class RefusedVersions:
    """The last refused version of each model.

    A judgement stands until the alias moves. A package that did not arrive as it was registered is
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
