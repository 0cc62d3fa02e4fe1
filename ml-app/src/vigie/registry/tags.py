"""What training, promotions and imports write on a version as tags, for later decisions to read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vigie.registry.client import RegisteredVersion

ERROR = "vigie.error"
METRIC = "vigie.error_metric"
HELD_OUT = "vigie.held_out_sha256"
GENERATED = "vigie.generated"
ACCEPTED = "vigie.accepted_digest"
PROMOTED_DIGEST = "vigie.promoted_digest"
IMPORTED = "vigie.imported"
IMPORT, IMPORT_REASON, IMPORTER = "vigie.import", "vigie.import.reason", "vigie.importer"
"""How an import in place fares, why it failed, and who is at it: an id and a count that goes up."""
SCALING, SIZE = "vigie.scaling", "vigie.size"
"""What its owner says of the photos of a version that is imported in place."""
RUNNING, FAILED, DONE = "running", "failed", "done"


def figures_tags(metric: str, error: float, held_out_sha256: str) -> dict[str, str]:
    """The tags by which later versions are compared with this one; none where `error` is NaN."""
    if math.isnan(error):
        return {}
    return {METRIC: metric, ERROR: repr(float(error)), HELD_OUT: held_out_sha256}


def settled_figures(version: RegisteredVersion) -> frozenset[str]:
    """The figures that a recorded decision for these very bytes has settled: `error`, `time`.

    A promotion compared errors; who forced one, or rolled back, wanted it whatever they are.
    """
    if version.digest is None:
        return frozenset()
    if version.tags.get(ACCEPTED) == version.digest:
        return frozenset({"error", "time"})
    return frozenset({"error"} if version.tags.get(PROMOTED_DIGEST) == version.digest else ())


def error_of(version: RegisteredVersion) -> float | None:
    """The error that training measured on held-out rows, where it is recorded."""
    try:
        error = float(version.tags[ERROR])
    except (KeyError, ValueError):
        return None
    return error if math.isfinite(error) else None


def is_generated(version: RegisteredVersion) -> bool:
    """True where the version was trained on made-up data."""
    return version.tags.get(GENERATED) == "True"


def measured_alike(version: RegisteredVersion, other: RegisteredVersion) -> bool:
    """True where the recorded errors of both are the same figure on the same rows."""
    return all(
        version.tags.get(tag) and version.tags.get(tag) == other.tags.get(tag)
        for tag in (HELD_OUT, METRIC)
    )


def shown(error: float) -> str:
    """An error for people: whole where it is large, four digits where it is small."""
    return f"{error:,.0f}" if abs(error) >= 100 else f"{error:.4g}"
