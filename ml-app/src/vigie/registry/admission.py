"""What a verified version must also show against the version that serves."""

from __future__ import annotations

import logging

from vigie.engines.predictor import Predictor, open_predictor
from vigie.errors import RefusedPackage, VigieError
from vigie.models.document import PackageDocument
from vigie.models.package import Package, read_package
from vigie.registry.cache import CachedVersion
from vigie.registry.compatibility import breaking_changes
from vigie.registry.latency import measure, too_slow
from vigie.settings import Settings

log = logging.getLogger("vigie.registry")


def admit(candidate: Predictor, live: CachedVersion | None, settings: Settings) -> None:
    """Refuses a candidate that would break the callers of the live version, or slow them down."""
    if live is None:
        return
    try:
        serving = read_package(live.root, live.digest)
    except VigieError:
        # a live version that cannot be read serves nobody: anything is better
        return
    require_compatible(serving.document, live.version, candidate.package.document, settings)
    _require_quick(candidate, serving, settings)


def _require_quick(candidate: Predictor, live: Package, settings: Settings) -> None:
    if not settings.latency_factor:
        return
    try:
        timing = measure(candidate, open_predictor(live, settings.engine))
    except Exception as failure:
        # its golden rows passed: that they cannot be measured is no fault of the candidate
        log.warning("the time of a prediction was not compared (%s)", type(failure).__name__)
        return
    if reason := too_slow(timing, settings.latency_factor):
        raise RefusedPackage(reason)


def require_compatible(
    old: PackageDocument, version: str, new: PackageDocument, settings: Settings
) -> None:
    """Refuses `new` where callers of `old`, registered as `version`, would stumble over it."""
    if settings.allow_breaking:
        return
    if found := breaking_changes(old, new):
        raise RefusedPackage(
            f"it would break callers of version {version}: {'; '.join(found)} "
            "(VIGIE_ALLOW_BREAKING=on lets it through)"
        )
