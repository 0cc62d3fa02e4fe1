"""How many callers there are as a run goes on."""

from __future__ import annotations

from dataclasses import dataclass

from load.failure import LoadError

SHAPES = ("constant", "steps", "spike", "soak")
STEPS = 4


@dataclass(frozen=True)
class Stage:
    """So many callers until so many seconds after the start."""

    until: float
    callers: int


def stages(shape: str, callers: int, seconds: float) -> tuple[Stage, ...]:
    """The stages of a shape.

    `steps` goes up in four steps of a sixth of the time each and back to half of the first for the
    last third, so that what followed it up has no doubt that it is over; `spike` is a tenth of the
    callers, then for a fifth of the time all of them, then a tenth again; `constant` and `soak` are
    all of them from start to end, and a soak is watched for drift.
    """
    if shape not in SHAPES:
        raise LoadError(f"there is no shape {shape}; there are: {', '.join(SHAPES)}")
    few = max(callers // 10, 1)
    shares: dict[str, list[tuple[float, int]]] = {
        "steps": [
            *((step / (STEPS + 2), -(-callers * step // STEPS)) for step in range(1, STEPS + 1)),
            (1.0, -(-callers // (2 * STEPS))),
        ],
        "spike": [(0.4, few), (0.6, callers), (1.0, few)],
    }
    return tuple(
        Stage(share * seconds, number) for share, number in shares.get(shape, [(1.0, callers)])
    )


def callers_at(planned: tuple[Stage, ...], seconds: float) -> int | None:
    """How many callers there are so long after the start; none of a run that is over."""
    return next((stage.callers for stage in planned if seconds < stage.until), None)


def mean_callers(planned: tuple[Stage, ...]) -> float:
    """How many there are on average."""
    began, total = 0.0, 0.0
    for stage in planned:
        total += (stage.until - began) * stage.callers
        began = stage.until
    return total / began
