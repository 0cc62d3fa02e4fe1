from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from vigie.training.dataset import Dataset, is_held_out, split


def make(ids: list[str]) -> Dataset:
    count = len(ids)
    columns: dict[str, list[Any]] = {
        "a": list(range(count)),
        "b": [None if i % 3 else "x" for i in range(count)],
    }
    return Dataset(columns, np.arange(count, dtype=float), ids, "test", "0" * 64)


def test_a_fifth_is_held_out_and_always_the_same_rows() -> None:
    ids = [f"sale-{number}" for number in range(5000)]
    held = [is_held_out(row_id) for row_id in ids]
    assert 0.18 < np.mean(held) < 0.22
    assert held == [is_held_out(row_id) for row_id in ids]
    # the sides are a contract between versions: these may never change
    assert [is_held_out(row_id) for row_id in ("sale-0", "sale-1", "sale-9")] == [
        False,
        False,
        True,
    ]


def test_rows_of_one_id_stay_together() -> None:
    training, held_out = split(make([f"sale-{number // 4}" for number in range(400)]))
    assert not set(training.ids) & set(held_out.ids)
    assert len(training) + len(held_out) == 400


def test_rows_leave_absent_values_out() -> None:
    assert make(["p", "q"]).rows() == [{"a": 0, "b": "x"}, {"a": 1}]


def test_the_digest_of_the_rows_tells_other_rows_apart() -> None:
    ids = ["p", "q"]
    assert make(ids).rows_sha256() == make(ids).rows_sha256()
    other = make(ids)
    other.target[0] += 1
    columns = {**make(ids).columns, "a": [5, 1]}
    digests = {
        make(ids).rows_sha256(),
        make(["p", "r"]).rows_sha256(),
        make(ids).take(np.array([0])).rows_sha256(),
        other.rows_sha256(),
        replace(make(ids), columns=columns).rows_sha256(),
    }
    assert len(digests) == 5
