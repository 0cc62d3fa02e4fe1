"""Measures numbers of replicas by turns: up and down again, so that a slow minute meets several."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from scale.generator import Workload, ask
from scale.points import Run, point
from scale.replicas import cpu_seconds, memory_mb, throttled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from scale.points import Point
    from scale.replicas import Replicas

CALLERS_EACH = 16
"""Connections for each replica: enough that chance leaves none idle."""
WARM_SECONDS = 6


def measure(
    replicas: Replicas,
    model: str,
    loads: Sequence[tuple[int, Workload]],
    rounds: int,
    folder: Path,
    say: Callable[[str], object],
) -> list[Point]:
    """A point for each load: a number of replicas and what they are asked."""
    found: dict[tuple[int, int], list[Run]] = defaultdict(list)
    for number in range(rounds):
        turn = sorted(loads, key=lambda load: load[0], reverse=bool(number % 2))
        for count, asked in turn:
            replicas.scale_to(count)
            warm = Workload(asked.callers, WARM_SECONDS, asked.rows, asked.rate)
            ask(replicas.url, model, warm, folder / "timeline.json")
            run = run_once(replicas, model, asked, folder)
            found[count, asked.rows].append(run)
            say(f"{count} replicas, {asked.rows} rows: {told(run)}")
    return [point(count, rows, runs) for (count, rows), runs in sorted(found.items())]


def saturating(count: int, rows: int, seconds: float) -> tuple[int, Workload]:
    """As many callers as it takes to keep so many replicas at their limit."""
    return count, Workload(CALLERS_EACH * count, seconds, rows)


def run_once(replicas: Replicas, model: str, asked: Workload, folder: Path) -> Run:
    """One run, and what the replicas said of themselves before and after."""
    before = {name: replicas.told(name) for name in replicas.names()}
    _, got = ask(replicas.url, model, asked, folder / "timeline.json")
    after = {name: replicas.told(name) for name in before}
    used = sum(cpu_seconds(after[name]) - cpu_seconds(before[name]) for name in before)
    return Run(
        got=got,
        cpu_us=1e6 * used / max(got.answered, 1),
        throttled=min(throttled(after[name]) - throttled(before[name]) for name in before),
        memory_mb=max(memory_mb(text) for text in after.values()),
    )


def told(run: Run) -> str:
    """A run in a line, for who waits."""
    return (
        f"{run.got.rate:,.0f} requests/s, p99 {run.got.p99_ms:g} ms, {run.cpu_us:.0f} us each, "
        f"throttled {run.throttled} times, generator {run.got.generator_cores:.2f} cores"
    )
