"""What a run saw, and what may be said of it: medians, ratios within a round, spreads."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from scipy.stats import sem, t


@dataclass(frozen=True)
class Load:
    """So many connections, each with one request at a time, and what each request asks.

    It is measured `longer` times as long as others: what takes seconds is counted too coarsely.
    """

    connections: int
    asked: str
    longer: int = 1

    def __str__(self) -> str:
        several = "" if self.connections == 1 else "s"
        return f"{self.asked}, {self.connections} connection{several}"


@dataclass(frozen=True)
class Measure:
    """One load on one server: requests/s, latencies, computing time of the server per request."""

    rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: float


@dataclass(frozen=True)
class Seen:
    """One contender in one round."""

    start_seconds: float
    memory_mb: float
    measures: dict[Load, Measure]


@dataclass(frozen=True)
class Spread:
    """The median of some figures, the least and the greatest."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread | None:
        """The spread of the values; None where there are none."""
        known = list(values)
        return cls(statistics.median(known), min(known), max(known)) if known else None


Round = dict[str, Seen]
"""What each contender showed, by name."""


@dataclass(frozen=True)
class Results:
    """The rounds of one run."""

    rounds: list[Round] = field(default_factory=list)

    def figure(self, name: str, load: Load, what: str) -> Spread | None:
        """`rate`, `p50_ms`, `p99_ms` or `cpu_us` of a contender under a load."""
        return Spread.of(
            getattr(one[name].measures[load], what) for one in self.rounds if name in one
        )

    def start(self, name: str) -> Spread | None:
        """Seconds from its start to its first right prediction."""
        return Spread.of(one[name].start_seconds for one in self.rounds if name in one)

    def memory(self, name: str) -> Spread | None:
        """Its memory, MB."""
        return Spread.of(one[name].memory_mb for one in self.rounds if name in one)

    def ratio(self, name: str, others: Sequence[str], load: Load) -> Spread | None:
        """Its rate against the best of the others, each time of the same round."""
        ratios = []
        for one in self.rounds:
            rivals = [one[other].measures[load].rate for other in others if other in one]
            if name in one and len(rivals) == len(others):
                ratios.append(one[name].measures[load].rate / max(rivals))
        return Spread.of(ratios)


@dataclass(frozen=True)
class Cost:
    """How many times as much computing time something takes: the mean, and its 95 % interval."""

    mean: float
    least: float
    most: float
    pairs: int

    @classmethod
    def of(cls, ratios: Sequence[float]) -> Cost:
        """The cost that the ratios of pairs tell, by Student's t."""
        mean = statistics.fmean(ratios)
        least, most = t.interval(0.95, len(ratios) - 1, loc=mean, scale=sem(ratios))
        return cls(mean, float(least), float(most), len(ratios))

    def __str__(self) -> str:
        interval = f"{self.least - 1:+.1%} to {self.most - 1:+.1%}"
        return f"{self.mean - 1:+.1%} ({interval}, {self.pairs} pairs)"


Counts = Mapping[str, Mapping[Load, float]]
"""Instructions a request of some contenders, by name, under some loads."""


@dataclass(frozen=True)
class ServiceFigures:
    """The service as people run it, with the housing and iris models.

    Seconds from start to first prediction; MB of master, 2 workers and publisher.
    """

    start: Spread
    memory_mb: float
