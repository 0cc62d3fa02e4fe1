"""The highest rate that replicas answer by the clock, in each dialect, with a bound on the p99."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from scale.generator import Workload

if TYPE_CHECKING:
    from collections.abc import Callable

    from scale.generator import Got

DIALECTS = ("native", "tfserving", "v2", "invocations")
MOST_P99_MS = 50.0
KEPT_UP = 0.95
"""The share of what was planned that must be answered."""
FIRST_RATE = 500.0
GROWTH = 1.5
HALVINGS = 3
TRIES = 2
SOURCES = 50
RUN_SECONDS = 14.0


@dataclass(frozen=True)
class Ceiling:
    """What was found of one dialect.

    Attributes:
        dialect: Which.
        rate: The highest rate that held; 0 where none did.
        p99_ms: At that rate.
        generator_cores: What the generator computed there, in cores: near 1 it is what stops.
    """

    dialect: str
    rate: float
    p99_ms: float
    generator_cores: float


def ceiling(dialect: str, run: Callable[[Workload], Got]) -> Ceiling:
    """Raises the rate by half until it no longer holds, then looks between the two."""
    best, failed, rate = Ceiling(dialect, 0.0, 0.0, 0.0), 0.0, FIRST_RATE
    halvings = 0
    while halvings < HALVINGS:
        asked = Workload(SOURCES, RUN_SECONDS, 1, rate, scenario=dialect)
        # what misses once may have met a slow minute
        got = next((one for one in (run(asked) for _ in range(TRIES)) if holds(one, rate)), None)
        if got is not None:
            best = Ceiling(dialect, rate, got.p99_ms, round(got.generator_cores, 2))
        else:
            failed = rate
        if failed:
            halvings += 1
            rate = round((best.rate + failed) / 2)
        else:
            rate = round(rate * GROWTH)
    return best


def holds(got: Got, rate: float, most_p99_ms: float = MOST_P99_MS) -> bool:
    """Whether a run by the clock kept up with it, failed nothing and was quick enough."""
    return not got.failures and got.rate >= KEPT_UP * rate and got.p99_ms <= most_p99_ms


def as_json(ceilings: list[Ceiling]) -> list[dict[str, Any]]:
    """For the file of figures."""
    return [asdict(one) for one in ceilings]
