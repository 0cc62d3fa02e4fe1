"""Whether replicas scale is judged by each of what the proof asks."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from load.timeline import Second, Timeline
from scale.generator import Got, got
from scale.points import Point, Run, missed, point, times
from support.load import GOOD_POINTS as GOOD
from support.load import carrying


def test_what_is_just_good_enough_holds() -> None:
    assert missed(GOOD) == []
    assert times(GOOD, GOOD[3]) == pytest.approx(3.6)


@pytest.mark.parametrize(
    ("at", "worse", "reason"),
    [
        (1, carrying(2, 370), "2 replicas, 100 rows: 1.85 times one, not 1.9"),
        (3, carrying(4, 700), "4 replicas, 100 rows: 3.50 times one, not 3.6"),
        (2, replace(GOOD[2], failures=1), "3 replicas, 100 rows: 1 requests failed"),
        (0, replace(GOOD[0], throttled=0), "1 replicas, 100 rows: a replica was never stopped"),
        (0, replace(GOOD[0], generator_cores=0.5), "1 replicas, 100 rows: the generator took 0.50"),
    ],
)
def test_each_condition_is_missed_alone(at: int, worse: Point, reason: str) -> None:
    found = missed([*GOOD[:at], worse, *GOOD[at + 1 :]])
    assert len(found) == 1
    assert found[0].startswith(reason)


def test_single_rows_tell_the_cost_and_are_not_part_of_the_proof() -> None:
    small = replace(carrying(1, 900, rows=1), generator_cores=0.6, throttled=0)
    assert missed([*GOOD, small]) == []
    assert times([*GOOD, small, carrying(2, 1350, rows=1)], carrying(2, 1350, rows=1)) == 1.5


def test_a_point_is_the_median_of_its_runs_at_their_worst() -> None:
    runs = [
        Run(Got(rate, int(10 * rate), p50, 100.0, failures, cores), 500.0, stops, memory)
        for rate, p50, failures, cores, stops, memory in (
            (200.0, 90.0, 0, 0.2, 80, 81.0), (220.0, 80.0, 1, 0.3, 75, 82.0),
            (100.0, 95.0, 0, 0.1, 60, 80.0),
        )
    ]  # fmt: skip
    assert point(2, 100, runs) == Point(2, 100, 200.0, 90.0, 100.0, 1, 0.3, 500.0, 60, 82.0)


def test_edges_of_a_run_are_not_counted_but_their_failures_are() -> None:
    timeline = Timeline(0.0)
    timeline.seconds = {second: Second(Counter({5.0: 100})) for second in range(10)}
    timeline.seconds[0] = Second(Counter({900.0: 7}), 3)
    timeline.seconds[4].failures = 20
    run = got(timeline, 10, 0.25)
    assert run.rate == pytest.approx((6 * 100 - 20) / 6)
    assert (run.p50_ms, run.p99_ms, run.failures, run.generator_cores) == (5.0, 5.0, 23, 0.25)
    assert run.answered == 7 + 9 * 100 - 23
