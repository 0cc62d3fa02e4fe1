from __future__ import annotations

import numpy as np
import pyarrow as pa

from vigie.spark.arrow import in_place, list_array


def test_rows_of_numbers_are_lists() -> None:
    made = list_array(np.arange(6, dtype=np.float64).reshape(3, 2))
    assert made.type == pa.list_(pa.float32())
    assert made.to_pylist() == [[0, 1], [2, 3], [4, 5]]
    assert list_array(np.zeros((0, 4))).to_pylist() == []


def test_rows_of_parts_are_put_in_their_places() -> None:
    parts = [{"n": pa.array([1, 2])}, {"n": pa.array([3])}]
    field = pa.field("n", pa.float64())
    assert in_place(parts, [2, None, 0, 1], [field])["n"].to_pylist() == [3.0, None, 1.0, 2.0]
    assert in_place([], [None, None], [field])["n"].to_pylist() == [None, None]
