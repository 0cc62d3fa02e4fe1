"""Intervals that hold the share of truths that they promise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vigie.models.interval import Interval


def prices(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Answers, and truths whose relative error grows with the answer."""
    rng = np.random.default_rng(seed)
    predicted = rng.uniform(50_000, 1_000_000, rows)
    noise = rng.normal(size=rows) * (0.05 + predicted / 4_000_000)
    return predicted, predicted * np.exp(noise)


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_the_promised_share_of_new_truths_lies_inside(level: float) -> None:
    interval = Interval.calibrate(*prices(4000, 1), level)
    predicted, actual = prices(20_000, 2)
    lower, upper = interval.bounds(predicted)
    assert interval.scale == "log"
    assert np.mean((lower <= actual) & (actual <= upper)) == pytest.approx(level, abs=0.025)


def test_the_width_follows_the_size_of_the_answer() -> None:
    interval = Interval.calibrate(*prices(4000, 1))
    lower, upper = interval.bounds(np.array([60_000.0, 900_000.0]))
    ratios = upper / lower
    assert ratios[1] > 1.5 * ratios[0]


def test_the_quantile_has_the_finite_sample_correction() -> None:
    # 30 equal answers: the 28th smallest of errors 1..30, for ceil(31 * 0.9) is 28
    predicted = np.full(30, -5.0)
    interval = Interval.calibrate(predicted, predicted + np.arange(1, 31), 0.9)
    lower, upper = interval.bounds(np.array([-5.0]))
    assert interval.scale == "plain"
    assert (lower[0], upper[0]) == (pytest.approx(-33), pytest.approx(23))


def test_a_perfect_model_has_a_narrow_interval_and_no_division_by_zero() -> None:
    predicted = np.linspace(1, 2, 200)
    lower, upper = Interval.calibrate(predicted, predicted).bounds(predicted)
    assert np.allclose(lower, predicted)
    assert np.allclose(upper, predicted)


def test_an_interval_survives_json() -> None:
    interval = Interval.calibrate(*prices(500, 3))
    assert Interval.from_dict(interval.to_dict()) == interval


@pytest.mark.parametrize(
    ("rows", "level"), [(19, 0.9), (100, 0.0), (100, 1.0)]
)  # fmt: skip
def test_too_few_rows_or_an_impossible_level_are_refused(rows: int, level: float) -> None:
    with pytest.raises(ValueError, match="interval"):
        Interval.calibrate(*prices(rows, 1), level)


@pytest.mark.parametrize(
    "changes",
    [
        {"level": 2},
        {"scale": "cubic"},
        {"sizes": []},
        {"sizes": [2, 1]},
        {"widths": [1]},
        {"widths": [1, -1]},
        {"widths": [1, float("nan")]},
        {"level": "much"},
    ],
)
def test_values_that_make_no_interval_are_refused(changes: dict[str, Any]) -> None:
    good = {"level": 0.9, "scale": "log", "sizes": [1, 2], "widths": [1, 1]}
    Interval.from_dict(good)
    with pytest.raises(ValueError, match=r"interval|convert"):
        Interval.from_dict({**good, **changes})


def test_answers_stand_with_their_ends_whatever_their_number() -> None:
    rng = np.random.default_rng(2)
    predicted = rng.uniform(1e5, 5e5, 200)
    interval = Interval.calibrate(predicted, predicted * rng.uniform(0.8, 1.2, 200))
    together = interval.around(predicted.astype(np.float32))
    assert together.shape == (3, 200)
    for row, value in enumerate(predicted.astype(np.float32)):
        alone = interval.around(np.array([value]))
        np.testing.assert_array_equal(alone[:, 0], together[:, row])
    np.testing.assert_array_equal(together[1:], interval.bounds(predicted.astype(np.float32)))
