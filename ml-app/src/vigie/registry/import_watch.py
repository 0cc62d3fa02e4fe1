"""What is said of a version that was logged without Vigie: its import goes on, or why not."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from vigie.errors import RefusedPackage
from vigie.registry.cache import CHAMPION
from vigie.registry.tags import FAILED, IMPORT, IMPORT_REASON, IMPORTER, RUNNING

if TYPE_CHECKING:
    from vigie.registry.client import RegisteredVersion

PATIENCE_SECONDS = 60.0
"""How long nothing may happen before nobody is thought to be at it."""
_LONGEST_REASON = 1000


class LastChange:
    """How long ago the tags of an import changed; by the clock of this machine alone."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[tuple[str | None, ...], float]] = {}

    def age(self, version: RegisteredVersion) -> float:
        """Seconds since they were first seen as they are."""
        now = time.monotonic()
        tags = (version.version, version.tags.get(IMPORT), version.tags.get(IMPORTER))
        before = self._seen.get(version.name)
        if before is None or before[0] != tags:
            self._seen[version.name] = before = (tags, now)
        return now - before[1]


class ImportWatch:
    """Follows the imports of the versions that one alias names, by what stands on them."""

    def __init__(self, alias: str, on: bool) -> None:
        self._alias = alias
        self._on = on
        self._last_change = LastChange()

    def pending(self, version: RegisteredVersion) -> str | None:
        """What to tell while a package is to be expected; `None` where it is not."""
        state = version.tags.get(IMPORT)
        if not self._on or state == FAILED:
            return None
        if self._last_change.age(version) > PATIENCE_SECONDS:
            return None
        what = "is being made" if state == RUNNING else "waits to be made"
        return f"version {version.version} was logged without Vigie; its package {what}"

    def refusal(self, version: RegisteredVersion) -> RefusedPackage:
        """Why there is no package."""
        if not self._on or version.tags.get(IMPORT) not in (FAILED, RUNNING):
            return self._no_package(version)
        if version.tags.get(IMPORT) == FAILED:
            reason = version.tags.get(IMPORT_REASON, "its import failed")[:_LONGEST_REASON]
            return RefusedPackage("".join(c if c.isprintable() else "?" for c in reason))
        return RefusedPackage("its import has stopped; `vigie importer` goes on with it")

    def _no_package(self, version: RegisteredVersion) -> RefusedPackage:
        reason = "the version is not a package"
        if self._alias == CHAMPION:
            reason += (
                "; register it with `vigie train` or "
                f"`vigie import models:/{version.name}/{version.version} --name {version.name}`"
            )
        return RefusedPackage(reason)
