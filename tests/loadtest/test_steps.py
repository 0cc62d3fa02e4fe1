"""The steps of the load are judged once each has settled."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from load.stages import stages
from load.timeline import Second, Timeline
from scale.animation import animate
from scale.generator import Workload
from scale.plot import plot_points
from scale.sampler import Sampler, value_at
from scale.steps import Step, missed, moments_of, steps_of
from support.load import GOOD_POINTS
from support.waiting import wait_until

ASKED = Workload(callers=40, seconds=120, rows=100, rate=400.0, shape="steps")
PLANNED = stages(ASKED.shape, ASKED.callers, ASKED.seconds)
SEEN = [(1000.0, 1), (1030.0, 2), (1045.0, 3), (1065.0, 4), (1110.0, 1)]


def timeline() -> Timeline:
    """Slow for ten seconds after each step, as a pod comes; quick then."""
    made = Timeline(1000.0)
    for second in range(120):
        slow = second % 20 < 10 and second < 80
        made.seconds[second] = Second(Counter({400.0 if slow else 20.0: 100}))
    made.seconds[25].failures = 2
    return made


def test_a_step_has_its_plan_its_pods_and_its_settled_latency() -> None:
    steps = steps_of(timeline(), PLANNED, ASKED, SEEN)
    assert [step.planned for step in steps] == [100, 200, 300, 400, 50]
    assert [step.pods for step in steps] == [1, 2, 3, 4, 1]
    assert {step.p99_ms for step in steps} == {20.0}
    assert [step.failures for step in steps] == [0, 2, 0, 0, 0]
    assert steps[1].answered == pytest.approx((20 * 100 - 2) / 20)


def test_what_holds_and_what_does_not() -> None:
    good = [Step(100.0 * n, 100.0 * n, n, 5.0, 150.0, 0) for n in (1, 2, 3, 4, 1)]
    assert missed(good) == []
    assert missed([replace(good[0], failures=1), *good[1:]]) == ["step 1: 1 requests failed"]
    assert "p99 151 ms" in missed([good[0], replace(good[1], p99_ms=151.0), *good[2:]])[0]
    assert missed([*good[:4], replace(good[4], pods=2)]) == [
        "pods went 1 2 3 4 2, not from 1 to 4 and back"
    ]


def test_pictures_are_drawn_and_the_moving_one_moves(tmp_path: Path) -> None:
    from PIL import Image

    moments = moments_of(timeline(), PLANNED, ASKED, SEEN)
    assert len(moments) == 120
    assert (moments[0].pods, moments[70].pods, moments[119].planned) == (1, 4, 50.0)
    animate(moments, tmp_path / "scale.gif", frames=6)
    with Image.open(tmp_path / "scale.gif") as picture:
        assert getattr(picture, "n_frames", 1) == 6
    plot_points(GOOD_POINTS, tmp_path / "scale.svg")
    first = (tmp_path / "scale.svg").read_bytes()
    plot_points(GOOD_POINTS, tmp_path / "scale.svg")
    assert (tmp_path / "scale.svg").read_bytes() == first


def test_a_sampler_looks_again_and_again_and_knows_what_was_when() -> None:
    with Sampler(lambda: 3) as sampler:
        wait_until(lambda: len(sampler.seen) > 1)
    assert {value for _, value in sampler.seen} == {3}
    assert [value_at(SEEN, moment) for moment in (900, 1000, 1044, 1046, 2000)] == [1, 1, 2, 3, 1]
