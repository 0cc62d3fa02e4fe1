"""The reference profile: bins that can be told apart, shares that can be compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from pydantic import ValidationError

from support.real_photos import weather_photos
from vigie.models.model_input import Input
from vigie.models.photo import photo_of
from vigie.models.photo_figures import FIGURES
from vigie.models.profile import RESERVED_BINS, SMOOTHING, Distribution, Profile, build_profile
from vigie.monitoring.bin_counts import NumberCounts
from vigie.monitoring.drift import psi
from vigie.training.photos.split import split_photos

RNG = np.random.default_rng(7)


def an_input(name: str, **changes: Any) -> Input:
    plain = {"name": name, "label": name, "dtype": "float32", "tensor": "float32", "example": 1}
    return Input.model_validate({**plain, **changes})


NUMBER = an_input("x")
CHOICE = an_input("c", dtype="string", tensor="string", choices={"values": ["a", "b"]})


def of_numbers(values: list[Any]) -> Distribution:
    return build_profile([NUMBER], {"x": values}, np.arange(len(values)) * 1.0).inputs["x"]


def of_choices(values: list[Any], item: Input = CHOICE) -> Distribution:
    return build_profile([item], {"c": values}, np.arange(len(values)) * 1.0).inputs["c"]


def counts(found: Distribution, rows: int) -> dict[str, float]:
    """The counts before smoothing."""
    whole = rows + SMOOTHING * len(found.bins)
    shares = zip(found.bins, found.shares, strict=True)
    return {name: round(share * whole - SMOOTHING, 6) for name, share in shares}


def test_numbers_fall_into_ten_equal_quantile_bins() -> None:
    found = of_numbers(RNG.normal(size=1000).tolist())
    assert found.kind == "numeric"
    assert len(found.edges) == 11
    assert found.bins[10:] == RESERVED_BINS
    assert list(counts(found, 1000).values()) == [100.0] * 10 + [0.0] * 4


def test_missing_values_are_counted() -> None:
    found = counts(of_numbers([None, 1.0, 2.0, None, 3.0]), 5)
    assert found["missing"] == 2
    assert sum(found.values()) == 5


def test_a_constant_column_has_one_bin_with_all_rows() -> None:
    found = of_numbers([4.0] * 50)
    assert len(found.bins) == 1 + len(RESERVED_BINS)
    assert counts(found, 50)[found.bins[0]] == 50


def test_large_numbers_that_differ_little_have_bins_of_their_own() -> None:
    found = of_numbers([1.7e9 + second for second in range(60)])
    assert len(set(found.bins)) == len(found.bins) == 14


def test_choices_are_bins_and_anything_else_is_other() -> None:
    found = of_choices(["a", "a", "b", "x", None])
    assert found.bins == ("a", "b", *RESERVED_BINS)
    expected = {"a": 2, "b": 1, "missing": 1, "below": 0, "above": 0, "other": 1}
    assert counts(found, 5) == expected


def test_an_integer_choice_is_the_same_choice_as_3_and_as_3_0() -> None:
    item = an_input("c", dtype="int64", tensor="string", choices={"values": ["3", "4"]})
    assert counts(of_choices([3, 3.0, "3", 4], item), 4)["3"] == 3


def test_a_choice_named_like_a_reserved_bin_is_told_apart() -> None:
    item = an_input("c", dtype="string", tensor="string", choices={"values": ["other", "b"]})
    found = counts(of_choices(["other", "other", "b", "strange"], item), 4)
    assert (found['"other"'], found["other"]) == (2, 1)


def test_labels_are_the_bins_of_a_classification() -> None:
    profile = build_profile([NUMBER], {"x": [1.0, 2.0, 3.0]}, ["b", "a", "b"])
    assert profile.rows == 3
    assert profile.prediction.bins[:2] == ("a", "b")


def test_texts_without_choices_and_arrays_have_no_distribution() -> None:
    inputs = [an_input("t", dtype="string", tensor="string"), an_input("v", shape=[2])]
    columns: dict[str, list[object]] = {"t": ["a"], "v": [[1, 2]]}
    assert build_profile(inputs, columns, np.array([1.0])).inputs == {}


@effort(max_examples=80, deadline=None)
@given(st.lists(st.none() | st.floats(-1e30, 1e30) | st.sampled_from([0, 1, 1, 2]), max_size=60))
def test_shares_sum_to_one_and_none_is_zero(values: list[Any]) -> None:
    found = of_numbers([*values, 1.0])
    assert sum(found.shares) == pytest.approx(1)
    assert min(found.shares) > 0
    assert round(sum(counts(found, len(values) + 1).values()), 3) == len(values) + 1
    again = Profile(rows=1, inputs={"x": found}, prediction=found)
    assert Profile.model_validate_json(again.model_dump_json()) == again


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"shares": [0.5, 0.5]}, "one share above zero per bin"),
        ({"shares": [0.5, 0.5, 0.0, 0.0, 0.0]}, "one share above zero"),
        ({"edges": [0]}, "one edge more"),
        ({"bins": ["other", "missing", "below", "above", "other"]}, "same name"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_distribution_that_disagrees_with_itself_is_refused(
    changes: dict[str, Any], told: str
) -> None:
    good = {
        "kind": "numeric", "edges": [0, 1], "bins": ["0..1", *RESERVED_BINS], "shares": [0.2] * 5,
    }  # fmt: skip
    Distribution.model_validate(good)
    with pytest.raises(ValidationError, match=told):
        Distribution.model_validate({**good, **changes})


@pytest.mark.parametrize(("photos", "bins"), [(40, 4), (130, 5), (1000, 10)])
def test_photos_are_described_by_their_figures_in_as_many_bins_as_they_bear(
    photos: int, bins: int
) -> None:
    figures = RNG.random((photos, len(FIGURES)))
    profile = build_profile((), {}, ["a"] * photos, {"photo": figures.tolist()})
    assert set(profile.inputs) == {f"photo.{figure}" for figure in FIGURES}
    for place, figure in enumerate(FIGURES):
        found = profile.inputs[f"photo.{figure}"]
        assert len(found.edges) == bins + 1
        assert found.edges[-1] == figures[:, place].max()


def test_darkened_photos_move_brightness_and_contrast_and_nothing_else(tmp_path: Path) -> None:
    """All 100 photos of the weather against the profile of those that are trained on.

    The held-out ones alone are 20: by chance their index would be about 0.2.
    """
    photos = weather_photos(tmp_path)
    training = split_photos(photos).training.figures
    profile = build_profile((), {}, ["a"] * len(training), {"photo": training.tolist()})

    def drift_of(rows: np.ndarray) -> dict[str, float]:
        found = {}
        for place, figure in enumerate(FIGURES):
            counted = NumberCounts(profile.inputs[f"photo.{figure}"])
            counted.count(rows[:, place])
            shares = np.array(counted.distribution.shares)
            found[figure] = psi(counted.counts, shares)
        return found

    assert max(drift_of(photos.figures).values()) < 0.1
    dark = np.array(
        [
            (*own[:2], *photo_of(photos.pixels([place])[0] // 2, photos.item).figures[2:])
            for place, own in enumerate(photos.figures)
        ]
    )
    moved = drift_of(dark)
    assert moved["brightness"] > 0.25
    assert {name for name, index in moved.items() if index > 0.25} <= {"brightness", "contrast"}
