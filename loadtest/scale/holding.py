"""A thousand requests a second for two minutes, on two replicas without a limit of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scale.ceiling import DIALECTS, ceiling, holds
from scale.generator import Workload, ask

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scale.ceiling import Ceiling
    from scale.generator import Got
    from scale.replicas import Replicas

REPLICAS = 2
RATE = 1000.0
SOURCES = 50
MOST_P99_MS = 20.0


@dataclass(frozen=True)
class Held:
    """What two replicas held, and the highest rate in each dialect.

    Attributes:
        seconds: For how long.
        got: What came of it.
        ceilings: Of each dialect.
    """

    seconds: float
    got: Got
    ceilings: list[Ceiling]


def hold(
    replicas: Replicas, model: str, seconds: float, folder: Path, say: Callable[[str], object]
) -> Held:
    """Asks two replicas by the clock, first a thousand times a second, then as often as it goes."""
    replicas.free()
    replicas.scale_to(REPLICAS)
    path = folder / "held.json"

    def run(asked: Workload) -> Got:
        _, got = ask(replicas.url, model, asked, path)
        say(f"{asked.scenario}, {asked.rate:g}/s: {got.rate:,.0f}/s, p99 {got.p99_ms:g} ms")
        return got

    run(Workload(SOURCES, 8, 1, RATE / 2))
    got = run(Workload(SOURCES, seconds, 1, RATE))
    return Held(seconds, got, [ceiling(dialect, run) for dialect in DIALECTS])


def missed(held: Held) -> list[str]:
    """What of it does not hold, in words."""
    if holds(held.got, RATE, MOST_P99_MS):
        return []
    return [
        (
            f"{RATE:,.0f} requests/s for {held.seconds:g} s: {held.got.failures} failed, "
            f"{held.got.rate:,.0f}/s answered, p99 {held.got.p99_ms:g} ms, not {MOST_P99_MS:g}"
        )
    ]


def as_json(held: Held) -> dict[str, Any]:
    """For the file of figures."""
    from scale import ceiling as found

    return {
        "replicas": REPLICAS, "rate": RATE, "seconds": held.seconds, "answered": held.got.rate,
        "p50_ms": held.got.p50_ms, "p99_ms": held.got.p99_ms, "failures": held.got.failures,
        "ceilings": found.as_json(held.ceilings),
    }  # fmt: skip
