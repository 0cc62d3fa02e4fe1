"""An autoscaler under a load that goes up in steps and back: from one pod to some, and to one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from load.stages import stages
from load.timeline import quantile_ms, together
from scale.generator import ask
from scale.lone import LoneCallers
from scale.replicas import wait_for
from scale.sampler import Sampler, value_at

if TYPE_CHECKING:
    from load.stages import Stage
    from load.timeline import Second, Timeline
    from scale.cluster import Cluster
    from scale.generator import Workload
    from scale.lone import Lone

MOST_PODS = 4
SOURCES = 40
SETTLED_SECONDS = 15
"""What a new step may take until its p99 is judged."""
MOST_P99_MS = 150.0
QUICK: dict[str, Any] = {
    "scaleUp": {"stabilizationWindowSeconds": 0,
                "policies": [{"type": "Pods", "value": 1, "periodSeconds": 5}]},
    "scaleDown": {"stabilizationWindowSeconds": 20,
                  "policies": [{"type": "Pods", "value": 1, "periodSeconds": 15}]},
}  # fmt: skip
"""Down again within the run: an autoscaler of production waits minutes."""


@dataclass(frozen=True)
class Step:
    """What one step of the load saw.

    Attributes:
        planned: Requests a second by the clock.
        answered: Answers a second.
        pods: Ready ones at its end.
        p50_ms: Half of the requests within, once it has settled.
        p99_ms: 99 of 100 within, once it has settled.
        failures: In all of it.
    """

    planned: float
    answered: float
    pods: int
    p50_ms: float
    p99_ms: float
    failures: int


@dataclass(frozen=True)
class Moment:
    """One second of the run.

    Attributes:
        planned: Requests a second by the clock.
        answered: Requests that were due in it and were answered.
        pods: Ready ones.
        p50_ms: Half of the requests within.
        p99_ms: 99 of 100 within.
    """

    planned: float
    answered: int
    pods: int
    p50_ms: float
    p99_ms: float


def run_steps(
    cluster: Cluster, model: str, asked: Workload, request: float, most: float | None, folder: Path
) -> tuple[list[Step], list[Moment], Lone]:
    """Steps of the load on a Deployment whose pods request so much of a core and may take `most`.

    The autoscaler goes by 70 % of the request, as in the base. Beside the load ask a few callers
    who keep one connection each.
    """
    cluster.request(request, most)
    cluster.scale_to(1)
    cluster.autoscale(1, MOST_PODS, **QUICK)
    lone = LoneCallers(cluster.url, model)
    with Sampler(lambda: cluster.counts()[1]) as sampler, lone:
        timeline, _ = ask(cluster.url, model, asked, folder / "steps.json")
        wait_for("back to one pod", lambda: cluster.counts() == (1, 1), seconds=120)
    planned = stages(asked.shape, asked.callers, asked.seconds)
    return (
        steps_of(timeline, planned, asked, sampler.seen),
        moments_of(timeline, planned, asked, sampler.seen),
        lone.seen,
    )


def steps_of(
    timeline: Timeline, planned: Sequence[Stage], asked: Workload, seen: list[tuple[float, int]]
) -> list[Step]:
    """What each stage of the load saw."""
    return [_step(timeline, began, stage, asked, seen) for began, stage in _with_start(planned)]


def moments_of(
    timeline: Timeline, planned: Sequence[Stage], asked: Workload, seen: list[tuple[float, int]]
) -> list[Moment]:
    """What each second of the load saw."""
    return [
        Moment(
            planned=_rate(stage, asked),
            answered=whole.milliseconds.total() - whole.failures,
            pods=value_at(seen, timeline.began + second),
            p50_ms=quantile_ms(whole, 0.5),
            p99_ms=quantile_ms(whole, 0.99),
        )
        for began, stage in _with_start(planned)
        for second in range(int(began), int(stage.until))
        for whole in [_seconds(timeline, second, second + 1)]
    ]


def missed(steps: Sequence[Step]) -> list[str]:
    """What of the steps does not hold, in words."""
    return list(_missed(steps))


def as_json(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """For the file of figures."""
    return [asdict(step) for step in steps]


def _missed(steps: Sequence[Step]) -> Iterator[str]:
    for number, step in enumerate(steps, 1):
        if step.failures:
            yield f"step {number}: {step.failures} requests failed"
        if step.p99_ms > MOST_P99_MS:
            yield f"step {number}: p99 {step.p99_ms:g} ms once settled, not {MOST_P99_MS:g}"
    pods = [step.pods for step in steps]
    if max(pods) != MOST_PODS or pods[0] != 1 or pods[-1] != 1:
        yield f"pods went {' '.join(map(str, pods))}, not from 1 to {MOST_PODS} and back"


def _step(
    timeline: Timeline, began: float, stage: Stage, asked: Workload, seen: list[tuple[float, int]]
) -> Step:
    whole = _seconds(timeline, int(began), int(stage.until))
    settled = _seconds(timeline, int(began) + SETTLED_SECONDS, int(stage.until))
    answered = whole.milliseconds.total() - whole.failures
    return Step(
        planned=round(_rate(stage, asked), 1),
        answered=round(answered / (int(stage.until) - int(began)), 1),
        pods=value_at(seen, timeline.began + stage.until - 1),
        p50_ms=quantile_ms(settled, 0.5),
        p99_ms=quantile_ms(settled, 0.99),
        failures=whole.failures,
    )


def _seconds(timeline: Timeline, began: int, until: int) -> Second:
    return together(
        [timeline.seconds[second] for second in range(began, until) if second in timeline.seconds]
    )


def _rate(stage: Stage, asked: Workload) -> float:
    assert asked.rate is not None
    return asked.rate * stage.callers / asked.callers


def _with_start(planned: Sequence[Stage]) -> Iterator[tuple[float, Stage]]:
    began = 0.0
    for stage in planned:
        yield began, stage
        began = stage.until
