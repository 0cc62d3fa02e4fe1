"""A value falls into the bin that it fell into in training."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vigie.models.profile import RESERVED_BINS, Distribution
from vigie.monitoring.bin_counts import ChoiceCounts, NumberCounts

EDGES = (-1.5, 0.0, 0.1, 250_000.0)
NEAR = st.sampled_from(
    [near for edge in EDGES for near in (np.nextafter(edge, -9e9), edge, np.nextafter(edge, 9e9))]
)


def numbers(edges: tuple[float, ...], names: tuple[str, ...]) -> NumberCounts:
    shares = (1 / len(names),) * len(names)
    return NumberCounts(Distribution(kind="numeric", edges=edges, bins=names, shares=shares))


def test_the_edges_of_training_are_inside() -> None:
    edges = (0.0, 1.0, 2.0)
    names = ("0..1", "1..2", "missing", "below", "above", "other")
    counts = NumberCounts(
        Distribution(kind="numeric", edges=edges, bins=names, shares=(1 / 6,) * 6)
    )
    counts.wait([0.0, 0.999, 1.0, 2.0, 2.000001, -0.000001])
    counts.add_up()
    assert counts.counts.tolist() == [2, 2, 0, 1, 1, 0]


@given(st.lists(st.floats(-1e6, 1e6) | NEAR))
def test_numbers_are_binned_as_numpy_does(values: list[float]) -> None:
    names = ("a", "b", "c", *RESERVED_BINS)
    counts = NumberCounts(
        Distribution(kind="numeric", edges=EDGES, bins=names, shares=(1 / 7,) * 7)
    )
    counts.wait(values)
    counts.add_up()
    found = dict(zip(names, counts.counts.tolist(), strict=True))
    within, _ = np.histogram(values, EDGES)
    assert [found["a"], found["b"], found["c"]] == within.tolist()
    assert found["below"] == sum(value < EDGES[0] for value in values)
    assert found["above"] == sum(value > EDGES[-1] for value in values)


def test_of_a_choice_only_its_bin_waits() -> None:
    names = ("red", '"other"', *RESERVED_BINS)
    counts = ChoiceCounts(Distribution(kind="choice", bins=names, shares=(1 / 6,) * 6), fill="")
    counts.wait(["red"])
    counts.wait(["other", "missing", "a text", ""], missing=1)
    counts.wait([])
    assert len(counts.waiting) == 5
    counts.add_up()
    assert len(counts.waiting) == 0
    assert dict(zip(names, counts.counts.tolist(), strict=True)) == {
        "red": 1, '"other"': 1, "missing": 1, "below": 0, "above": 0, "other": 2,
    }  # fmt: skip


def test_of_equal_numbers_as_many_are_missing_as_were_filled() -> None:
    names = ("0..1", "1..2", *RESERVED_BINS)
    distribution = Distribution(
        kind="numeric", edges=(0.0, 1.0, 2.0), bins=names, shares=(1 / 6,) * 6
    )
    counts = NumberCounts(distribution, fill=1.5)
    counts.wait([1.5, 0.5, 1.5, 1.5], missing=2)
    counts.add_up()
    assert counts.counts.tolist() == [1, 1, 2, 0, 0, 0]
