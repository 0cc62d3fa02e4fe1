"""What is kept of each response time, and what a soak's drift is."""

from __future__ import annotations

from typing import Any

import pytest

from load.stats import drift, measured, rounded


@pytest.fixture
def stats(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What Locust counts with; imported without its patches of the standard library."""
    monkeypatch.setenv("LOCUST_SKIP_MONKEY_PATCH", "1")
    from locust.stats import RequestStats

    return RequestStats()


@pytest.mark.parametrize(
    ("milliseconds", "kept"),
    [(0.04, 0.0), (1.26, 1.3), (99.94, 99.9), (123.4, 123.0), (1234.0, 1230.0), (98765.0, 98800.0)],
)
def test_three_digits_are_kept(milliseconds: float, kept: float) -> None:
    assert rounded(milliseconds) == kept


def test_what_locust_counted_is_what_is_judged(stats: Any) -> None:
    for number in range(1, 101):
        stats.log_request("POST", "/predict/iris", number, 10)
    stats.log_error("POST", "/predict/iris", "503")
    got = measured(stats.total)
    assert (got.requests, got.failures, got.drift) == (100, 1, None)
    assert got.p50_ms == pytest.approx(50, abs=1)
    assert got.p99_ms == pytest.approx(99, abs=1)


def test_a_failure_is_no_answer(stats: Any) -> None:
    for _ in range(100):
        stats.log_request("POST", "/predict/iris", 1, 10)
        stats.log_error("POST", "/predict/iris", "503")
    assert measured(stats.total).rate == 0


@pytest.mark.parametrize(
    # the first quarter warms up
    ("seen", "times"), [((90, 90, 10, 10, 12, 14, 20, 20), 2.0), ((10, 10, 10), None)]
)  # fmt: skip
def test_drift_is_the_last_quarter_by_the_second(
    stats: Any, seen: tuple[float, ...], times: float | None
) -> None:
    stats.history = [{"response_time_percentile_0.95": ("12:00", value)} for value in seen]
    assert drift(stats) == times
