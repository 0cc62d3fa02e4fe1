"""What Vigie promises of its speed, and whether a run bears it out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.contenders import CONTENDERS, LIMIT
from bench.figures import BULK, MANY, ONE, Cost, Load, Results, ServiceFigures, Spread

TITLES = {contender.name: contender.title for contender in CONTENDERS}
PEERS = tuple(contender.name for contender in CONTENDERS if contender.is_peer)
AT_LEAST = ((LIMIT, 0.5), ("mlflow", 40), ("mlserver", 40), ("bentoml", 12), ("litserve", 12),
            ("fastapi-tensorflow", 6), ("fastapi-onnx", 2.5))  # fmt: skip
BULK_AT_LEAST = 1.5
ALONE_AT_LEAST = 1.0
ENGINE_AT_LEAST = 3.0
P99_MOST_MS = 10.0
MEMORY_MOST_MB = 190.0
START_MOST_SECONDS = 1.0
WATCHING_MOST = 1.1


@dataclass(frozen=True)
class Goal:
    """A promise; `seen` is None where the run did not measure it."""

    text: str
    limit: float
    seen: float | None
    at_least: bool = True
    unit: str = ""

    @property
    def holds(self) -> bool:
        """True where the run bears the promise out."""
        if self.seen is None:
            return False
        return self.seen >= self.limit if self.at_least else self.seen <= self.limit

    @property
    def verdict(self) -> str:
        """`holds`, `misses` or `not measured`."""
        if self.seen is None:
            return "not measured"
        return "holds" if self.holds else "misses"

    @property
    def wanted(self) -> str:
        """The limit in words."""
        return f"at {'least' if self.at_least else 'most'} {self.limit:g}{self.unit}"

    @property
    def found(self) -> str:
        """What was seen, in the same unit."""
        return "" if self.seen is None else f"{self.seen:.3g}{self.unit}"


def goals_of(
    results: Results, service: ServiceFigures | None, watching: Cost | None = None
) -> Iterator[Goal]:
    """Every promise with what this run says of it."""

    def ratio(text: str, name: str, *others: str, load: Load = MANY, limit: float) -> Goal:
        found = results.ratio(name, others, load)
        return Goal(text, limit, _median(found), unit=" times")

    for other, limit in AT_LEAST:
        yield ratio(f"{MANY}: Vigie against {TITLES[other]}", "vigie", other, limit=limit)
    p99 = results.figure("vigie", MANY, "p99_ms")
    yield Goal(f"{MANY}: 99 of 100 within", P99_MOST_MS, _median(p99), False, " ms")
    yield ratio(
        f"{BULK}: Vigie against the best peer", "vigie", *PEERS, load=BULK, limit=BULK_AT_LEAST
    )
    yield ratio(
        f"{ONE}: Vigie against the best peer", "vigie", *PEERS, load=ONE, limit=ALONE_AT_LEAST
    )
    yield ratio(
        f"{MANY}: Vigie's TensorFlow engine against FastAPI + TensorFlow",
        "tensorflow-engine", "fastapi-tensorflow", limit=ENGINE_AT_LEAST,
    )  # fmt: skip
    yield Goal(
        "memory of master, 2 workers and publisher", MEMORY_MOST_MB,
        service.memory_mb if service else None, False, " MB",
    )  # fmt: skip
    yield Goal(
        "start to first prediction", START_MOST_SECONDS,
        _median(service.start) if service else None, False, " s",
    )  # fmt: skip
    yield Goal(
        f"{MANY}: computing time with monitoring and logs, against without", WATCHING_MOST,
        watching.mean if watching else None, False, " times",
    )  # fmt: skip


def _median(spread: Spread | None) -> float | None:
    return None if spread is None else spread.median
