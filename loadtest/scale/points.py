"""What so many replicas carry, and what of it each brings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scale.generator import Got

COUNTS = (1, 2, 3, 4)
SMALL_COUNTS = (1, 2)
"""With one row in a request: more would be more than half a core of the generator."""
LEAST = {2: 1.9, 4: 3.6}
"""So many replicas carry at least so many times what one carries."""
MOST_GENERATOR_CORES = 0.5


@dataclass(frozen=True)
class Run:
    """One run, and what the replicas said of themselves.

    Attributes:
        got: What callers got.
        cpu_us: Processor time of all replicas by request, in millionths of a second.
        throttled: How often the least throttled of them was stopped for its quota.
        memory_mb: Of the largest of them.
    """

    got: Got
    cpu_us: float
    throttled: int
    memory_mb: float


@dataclass(frozen=True)
class Point:
    """A number of replicas under as much load as they take: medians of its runs.

    Attributes:
        replicas: How many there were.
        rows: In each request.
        rate: Answers a second.
        p50_ms: Half of them within.
        p99_ms: 99 of 100 within.
        failures: Requests that failed, of all runs.
        generator_cores: What the generator computed at most, in cores.
        cpu_us: Processor time of the replicas by request, in millionths of a second.
        throttled: How often the least throttled of them was stopped for its quota.
        memory_mb: Of the largest of them.
    """

    replicas: int
    rows: int
    rate: float
    p50_ms: float
    p99_ms: float
    failures: int
    generator_cores: float
    cpu_us: float
    throttled: int
    memory_mb: float


def point(replicas: int, rows: int, runs: Sequence[Run]) -> Point:
    """The medians of several runs, with the least throttling and the largest memory."""
    found = [run.got for run in runs]
    return Point(
        replicas=replicas,
        rows=rows,
        rate=round(median(each.rate for each in found), 1),
        p50_ms=median(each.p50_ms for each in found),
        p99_ms=median(each.p99_ms for each in found),
        failures=sum(each.failures for each in found),
        generator_cores=round(max(each.generator_cores for each in found), 3),
        cpu_us=round(median(run.cpu_us for run in runs), 1),
        throttled=min(run.throttled for run in runs),
        memory_mb=round(max(run.memory_mb for run in runs), 1),
    )


def times(points: Sequence[Point], of: Point) -> float:
    """How many times what one replica carries."""
    one = next(each for each in points if (each.replicas, each.rows) == (1, of.rows))
    return of.rate / one.rate


def missed(points: Sequence[Point]) -> list[str]:
    """What of the proof does not hold, in words."""
    return list(_missed(points))


def _missed(points: Sequence[Point]) -> Iterable[str]:
    for each in points:
        where = f"{each.replicas} replicas, {each.rows} rows"
        if each.failures:
            yield f"{where}: {each.failures} requests failed"
        if each.rows == 1:
            continue
        if each.generator_cores >= MOST_GENERATOR_CORES:
            yield f"{where}: the generator took {each.generator_cores:.2f} cores"
        if not each.throttled:
            yield f"{where}: a replica was never stopped for its quota, so it was not at its limit"
        least = LEAST.get(each.replicas)
        if least is not None and times(points, each) < least:
            yield f"{where}: {times(points, each):.2f} times one, not {least}"


def as_json(points: Iterable[Point]) -> list[dict[str, float]]:
    """For the file of figures."""
    return [asdict(each) for each in points]
