"""What training measured of a version, kept in its tags, and how two versions compare by it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from vigie.registry.client import RegisteredVersion

ERROR = "vigie.error"
METRIC = "vigie.error_metric"
HELD_OUT = "vigie.held_out_sha256"
GENERATED = "vigie.generated"
ACCEPTED = "vigie.accepted_digest"
PROMOTED_DIGEST = "vigie.promoted_digest"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whether the figures speak for a version, and the sentence that says so."""

    promote: bool
    reason: str


def figures_tags(metric: str, error: float, held_out_sha256: str) -> dict[str, str]:
    """The tags by which later versions are compared with this one."""
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


def compare_origin(candidate: RegisteredVersion, champion: RegisteredVersion) -> Comparison | None:
    """Made-up data never replaces real data, and real data always replaces made-up data."""
    other = f"version {champion.version}"
    generated, serving_generated = (v.tags.get(GENERATED) == "True" for v in (candidate, champion))
    if generated and not serving_generated:
        return Comparison(False, f"it was trained on generated data, {other} on real data")
    if serving_generated and not generated:
        return Comparison(True, f"trained on real data, {other} on generated data")
    return None


def compare_figures(candidate: RegisteredVersion, champion: RegisteredVersion) -> Comparison:
    """Compares recorded errors, measured on the same rows or not compared at all."""
    other = f"version {champion.version}"
    error, serving = error_of(candidate), error_of(champion)
    if error is None or serving is None:
        nameless = candidate if error is None else champion
        return Comparison(
            False, f"version {nameless.version} has no recorded error, so that none can compare"
        )
    for tag in (HELD_OUT, METRIC):
        if not candidate.tags.get(tag) or candidate.tags.get(tag) != champion.tags.get(tag):
            return Comparison(
                False, f"its error and that of {other} were not measured on the same rows"
            )
    against = f"{shown(error)} against {shown(serving)}"
    if error > serving:
        return Comparison(False, f"it is worse than {other} on the same rows ({against})")
    word = "better than" if error < serving else "as good as"
    return Comparison(True, f"{word} {other} on the same rows ({against})")


def shown(error: float) -> str:
    """An error for people: whole where it is large, four digits where it is small."""
    return f"{error:,.0f}" if abs(error) >= 100 else f"{error:.4g}"
