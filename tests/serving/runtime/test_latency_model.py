"""What is known about the time of a model's calls, and what follows from it."""

from __future__ import annotations

import pytest

from vigie.serving.runtime.latency_model import QUICK_SECONDS, Pace


def test_time_grows_by_rows_and_by_calls() -> None:
    pace = Pace(one_row=0.010, full_batch=0.073, batch_rows=64)
    assert pace.seconds(1) == pytest.approx(0.010)
    assert pace.seconds(64) == pytest.approx(0.073)
    assert pace.seconds(128) == pytest.approx(2 * 0.073)
    assert pace.seconds(65) == pytest.approx(0.073 + 0.010)


def test_a_model_that_takes_no_longer_for_many_rows_has_one_time_per_call() -> None:
    pace = Pace(0.02, 0.02, 256)
    assert pace.seconds(1) == pace.seconds(200) == pytest.approx(0.02)
    assert Pace(0.02, 0.01, 256).seconds(256) == pytest.approx(0.02)


def test_it_learns_how_the_machine_is_now() -> None:
    pace = Pace(0.01, 0.01, 64)
    for _ in range(60):
        observe(pace, 0.05)
    assert pace.seconds(1) == pytest.approx(0.05, rel=0.02)


def observe(pace: Pace, seconds: float) -> None:
    """A call of one row that computed all the time."""
    pace.observe(1, seconds, seconds)


def is_slow(pace: Pace) -> bool:
    return pace.slow


def test_one_odd_call_changes_nobodys_mind_but_many_do() -> None:
    pace = Pace(QUICK_SECONDS / 2, QUICK_SECONDS / 2, 64)
    assert not is_slow(pace)
    observe(pace, 20 * QUICK_SECONDS)
    assert not is_slow(pace)
    for _ in range(64):
        observe(pace, 5 * QUICK_SECONDS)
    assert is_slow(pace)
    for _ in range(64):
        observe(pace, 1.5 * QUICK_SECONDS)
    assert is_slow(pace)
    for _ in range(64):
        observe(pace, QUICK_SECONDS / 4)
    assert not is_slow(pace)


def test_a_busy_machine_makes_no_model_slow() -> None:
    pace = Pace(QUICK_SECONDS / 2, QUICK_SECONDS / 2, 64)
    for call in range(320):
        observe(pace, QUICK_SECONDS * (0.6 if call % 16 == 0 else 10))
        assert not is_slow(pace)
    assert pace.seconds(1) > 4 * QUICK_SECONDS


def test_what_a_model_waits_for_the_processor_makes_it_no_slower() -> None:
    pace = Pace(QUICK_SECONDS / 2, QUICK_SECONDS / 2, 64)
    for _ in range(320):
        pace.observe(1, QUICK_SECONDS * 10, QUICK_SECONDS / 2)
    assert not is_slow(pace)
    assert pace.seconds(1) > 4 * QUICK_SECONDS


def test_a_pause_of_the_machine_is_not_believed_for_long() -> None:
    pace = Pace(0.001, 0.001, 64)
    observe(pace, 60.0)
    assert pace.seconds(1) < 0.002
