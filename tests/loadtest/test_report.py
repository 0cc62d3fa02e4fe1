"""The page of the proof says where, how, what came of it and what does not hold."""

from __future__ import annotations

from typing import Any

from scale import report
from scale.points import as_json
from support.load import GOOD_POINTS, carrying


def page(figures: dict[str, Any]) -> str:
    """The page on one line: where its lines end is not what is looked at."""
    text = report.page(figures)
    assert max(len(line) for line in text.splitlines() if line[:1] not in "|-!") <= report.WIDTH
    return text.replace("\n", " ")


FIGURES: dict[str, Any] = {
    "date": "2026-01-01", "where": "Kubernetes 1.34, nodes: 1", "machine": "2 cores", "rounds": 2,
    "model": "iris", "cores_a_replica": 0.1, "rows": 100, "seconds": 30.0, "missed": [],
    "points": as_json([*GOOD_POINTS, carrying(1, 900, rows=1)]),
    "held": None, "lone": None, "steps": [], "autoscaled": {"request": 0.1, "most": 0.2},
}  # fmt: skip


def test_each_number_of_replicas_has_its_share_of_the_straight_line() -> None:
    text = page(FIGURES)
    assert "Kubernetes 1.34, nodes: 1, on 2 cores" in text
    assert "| 1 | 200 | 20,000 | 1.00 | 100% | 90 | 150 | 0 | 70 | 0.30 |" in text
    assert "| 4 | 720 | 72,000 | 3.60 | 90% | 90 | 150 | 0 | 70 | 0.30 |" in text
    # another load: the page of capacity has it
    assert "900" not in text
    assert "All that was asked" in text
    assert "autoscaler" not in text


def test_steps_and_what_is_missed_are_told() -> None:
    step = {"planned": 100.0, "answered": 99.9, "pods": 1, "p50_ms": 4.0, "p99_ms": 30.0,
            "failures": 2}  # fmt: skip
    text = page(FIGURES | {"steps": [step], "missed": ["step 1: 2 requests failed"]})
    assert "Pods request 0.1 of a core and may take 0.2" in text
    assert "| 100 | 100 | 1 | 4 | 30 | 2 |" in text
    assert "- Missed: step 1: 2 requests failed." in text
    assert "All that was asked" not in text
    free = page(FIGURES | {"steps": [step], "autoscaled": {"request": 0.1, "most": None}})
    assert "may take what is free" in free
    assert "one connection" not in text
    alone = {"callers": 2, "answered": 7000, "failures": 0, "connections": 3.5, "p99_ms": 12.0}
    beside = page(FIGURES | {"steps": [step], "lone": alone})
    assert "2 callers kept one connection each" in beside
    assert "7,000 answers, 0 failed, p99 12 ms" in beside


def test_what_two_replicas_held_is_told_by_dialect() -> None:
    found = {"dialect": "v2", "rate": 1800.0, "p99_ms": 41.5, "generator_cores": 0.8}
    held = {"replicas": 2, "rate": 1000.0, "seconds": 120.0, "answered": 999.8, "failures": 0,
            "p50_ms": 1.8, "p99_ms": 12.5, "ceilings": [found]}  # fmt: skip
    text = page(FIGURES | {"held": held})
    assert "1,000 requests/s by the clock for 120 s: 1,000 answered, 0 failed" in text
    assert "| v2 | 1,800 | 41.5 | 0.80 |" in text
