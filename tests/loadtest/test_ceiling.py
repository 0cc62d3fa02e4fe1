"""The highest rate is found from both sides, and what counts as holding it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scale.ceiling import Ceiling, ceiling, holds
from scale.generator import Got, Workload
from scale.holding import Held, missed

QUICK = Got(rate=1000.0, answered=9000, p50_ms=2.0, p99_ms=50.0, failures=0, generator_cores=0.4)


@pytest.mark.parametrize(
    ("worse", "good"),
    [
        ({}, True), ({"rate": 950.0}, True), ({"rate": 949.0}, False), ({"failures": 1}, False),
        ({"p99_ms": 50.1}, False),
    ],
)  # fmt: skip
def test_a_rate_holds_where_it_is_kept_up_without_failures_and_in_time(
    worse: dict[str, Any], good: bool
) -> None:
    assert holds(replace(QUICK, **worse), 1000.0) == good


@pytest.mark.parametrize("carried", [100.0, 700.0, 3000.0, 20_000.0])
def test_the_highest_rate_is_found_within_a_tenth(carried: float) -> None:
    asked: list[Workload] = []

    def run(one: Workload) -> Got:
        asked.append(one)
        assert one.rate is not None
        return replace(QUICK, rate=min(one.rate, carried))

    found = ceiling("v2", run)
    assert found.rate <= carried / 0.95
    if carried > 500:
        assert found.rate >= 0.9 * carried
        assert (found.dialect, found.p99_ms, found.generator_cores) == ("v2", 50.0, 0.4)
    assert {one.scenario for one in asked} == {"v2"}
    assert len(asked) < 20


def test_where_even_little_is_too_much_the_highest_rate_is_none() -> None:
    assert ceiling("native", lambda _: replace(QUICK, failures=1)) == Ceiling("native", 0, 0, 0)


def test_a_slow_minute_does_not_end_the_search() -> None:
    seen: list[float] = []

    def run(one: Workload) -> Got:
        assert one.rate is not None
        seen.append(one.rate)
        slow = seen.count(one.rate) == 1
        return replace(QUICK, rate=min(one.rate, 2000.0), p99_ms=400.0 if slow else 20.0)

    assert ceiling("native", run).rate >= 1800


def test_a_thousand_requests_a_second_are_held_or_not() -> None:
    assert missed(Held(120, replace(QUICK, p99_ms=20.0), [])) == []
    assert missed(Held(120, replace(QUICK, p99_ms=21.0), [])) == [
        "1,000 requests/s for 120 s: 0 failed, 1,000/s answered, p99 21 ms, not 20"
    ]
