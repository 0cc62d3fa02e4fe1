"""The summary says what was asked, from where and when, and what of it holds."""

from __future__ import annotations

from load.options import options_of
from load.summary import Address, summary
from load.thresholds import Measured, judge
from support.load import parsed


def test_a_run_by_the_clock_is_told_with_machine_and_date() -> None:
    options = options_of(parsed(rate="500", rows="100"), "http://here:5000")
    got = Measured(1200, 3, 2.5, 60, 480)
    page = summary(
        options, "2 cores", "2026-01-01 10:00", [Address("`POST /predict/iris`", got)],
        list(judge(got, options.thresholds)),
    )  # fmt: skip
    assert "500 requests a second by the clock from 10 callers; 100 rows in each request" in page
    assert "Asked from 2 cores, 2026-01-01 10:00." in page
    assert "| `POST /predict/iris` | 1,200 | 3 | 480.0 | 2.5 | 60 |" in page
    assert "| p99 | at most 50 ms | 60 ms | misses |" in page
    assert "| requests a second | at least 470.2 | 480.0 | holds |" in page
