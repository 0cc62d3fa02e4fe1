"""What a verified version must also show against the version that serves."""

from __future__ import annotations

from vigie.errors import RefusedPackage, VigieError
from vigie.models.document import PackageDocument
from vigie.models.package import HELD_OUT, Package, read_package
from vigie.registry.cache import CachedVersion
from vigie.registry.gate.compatibility import breaking_changes
from vigie.registry.gate.probe import Trial
from vigie.settings import Settings


def admit(
    candidate: Package,
    live: CachedVersion | None,
    settings: Settings,
    settled: frozenset[str] = frozenset(),
) -> None:
    """Refuses a candidate that would break callers of the live version, or is slow or wrong.

    Of the figures `error` and `time`, those that are `settled` are not asked for again.
    """
    serving = _opened(live)
    if live is not None and serving is not None:
        require_compatible(serving.document, live.version, candidate.document, settings)
    factors = {"error": settings.error_factor, "time": settings.latency_factor}
    asked = {figure for figure, factor in factors.items() if factor} - settled
    alone = serving is None and not (candidate.root / HELD_OUT).is_file()
    if alone or not asked:
        return
    judgement = Trial.of(settings).judge(candidate, serving, settings)
    if reason := judgement.refusal(settings, settled):
        raise RefusedPackage(reason)


def _opened(live: CachedVersion | None) -> Package | None:
    """The live version; `None` where it cannot be read: then anything is better."""
    if live is None:
        return None
    try:
        return read_package(live.root, live.digest)
    except VigieError:
        return None


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
