"""Columns of Arrow from arrays, and from parts of a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa


def list_array(values: np.ndarray) -> pa.Array:
    """The rows of numbers [rows, size] as lists of 32-bit floats."""
    rows, size = values.shape
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * size, pa.int32())
    flat = pa.array(values.ravel().astype(np.float32, copy=False), pa.float32())
    return pa.ListArray.from_arrays(offsets, flat)


def in_place(
    parts: Sequence[Mapping[str, pa.Array]],
    places: Sequence[int | None],
    fields: Iterable[pa.Field],
) -> dict[str, pa.Array]:
    """The columns of all parts, one behind the other, each row put where `places` asks for it.

    A place is a row of the parts together, or `None` where there is nothing.
    """
    indices = pa.array(places, pa.int32())
    made = {}
    for field in fields:
        found = [part[field.name].cast(field.type) for part in parts]
        whole = pa.concat_arrays(found) if found else pa.nulls(0, field.type)
        made[field.name] = whole.take(indices)
    return made
