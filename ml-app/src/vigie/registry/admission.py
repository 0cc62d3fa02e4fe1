"""What a verified version must also show against the version that serves."""

from __future__ import annotations

from vigie.engines.predictor import Predictor
from vigie.errors import RefusedPackage, VigieError
from vigie.models.document import PackageDocument
from vigie.models.package import read_package
from vigie.registry.cache import CachedVersion
from vigie.registry.compatibility import breaking_changes
from vigie.settings import Settings


def admit(candidate: Predictor, live: CachedVersion | None, settings: Settings) -> None:
    """Refuses a candidate that would break the callers of the live version."""
    if live is None:
        return
    try:
        serving = read_package(live.root, live.digest)
    except VigieError:
        # a live version that cannot be read serves nobody: anything is better
        return
    require_compatible(serving.document, live.version, candidate.package.document, settings)


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
