"""A run is judged by every threshold, at its edge and beyond."""

from __future__ import annotations

import pytest

from load.thresholds import Measured, Thresholds, judge

GOOD = Measured(requests=1000, failures=1, p50_ms=2.0, p99_ms=20.0, rate=100.0)
WANTED = Thresholds(failed_share=0.001, p99_ms=20, rate=100)


def missed(measured: Measured, wanted: Thresholds = WANTED) -> list[str]:
    return [one.name for one in judge(measured, wanted) if not one.holds]


def test_what_is_just_good_enough_holds() -> None:
    assert missed(GOOD) == []


@pytest.mark.parametrize(
    ("measured", "name"),
    [
        (Measured(1000, 2, 2.0, 20.0, 100.0), "failed requests"),
        (Measured(1000, 1, 2.0, 20.1, 100.0), "p99"),
        (Measured(1000, 1, 2.0, 20.0, 99.9), "requests a second"),
        (Measured(1000, 1, 2.0, 20.0, 100.0, drift=1.51), "p95 at the end by that at the start"),
    ],
)
def test_each_threshold_is_missed_alone(measured: Measured, name: str) -> None:
    assert missed(measured) == [name]


def test_a_run_without_a_request_holds_nothing() -> None:
    assert len(missed(Measured(0, 0, 0.0, 0.0, 0.0), Thresholds())) == 3


def test_what_is_told_takes_the_place_of_one_threshold_alone() -> None:
    told = WANTED.told(None, 5.0, 0.0)
    assert (told.failed_share, told.p99_ms, told.rate) == (0.001, 5.0, 0.0)
