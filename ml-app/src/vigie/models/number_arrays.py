"""Numbers of many rows as arrays, which look at all of them at once."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vigie.models.model_input import Input

LEAST_NUMBERS = 16
"""So many become an array: fewer are quicker as a list, looked at or joined to others."""
MOST_EXACT = 2**53
"""Up to here every integer is a 64-bit float too."""
_INT64 = np.iinfo(np.int64)


def exact_array(numbers: Sequence[int | float], kinds: Collection[type]) -> np.ndarray | None:
    """The numbers, of these types, as int64 or float64; `None` where one would be another then."""
    try:
        array = np.array(numbers, np.float64 if float in kinds else np.int64)
    except OverflowError:
        return None
    if len(kinds) > 1 and not np.abs(array).max() < MOST_EXACT:
        return None
    return array


def ends_of(numbers: Sequence[int | float], kinds: Collection[type]) -> tuple[float, float]:
    """The smallest and the largest of numbers of these types, none of them a NaN."""
    array = exact_array(numbers, kinds) if len(numbers) >= LEAST_NUMBERS else None
    if array is None:
        return min(numbers), max(numbers)
    return array.min().item(), array.max().item()


def widened(array: np.ndarray) -> np.ndarray | None:
    """Numbers of any size as int64 or float64; `None` where one would be another then."""
    if array.dtype.kind == "f":
        return array.astype(np.float64, copy=False)
    if array.dtype == np.uint64 and array.size and array.max() > _INT64.max:
        return None
    return array.astype(np.int64, copy=False)


def are_beyond(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Which numbers, int64 or float64, are not from `low` to `high`; a NaN is in no range."""
    if values.dtype.kind == "i":
        # against a float it would be rounded to one
        low = min(max(math.ceil(low), _INT64.min), _INT64.max)
        high = min(max(math.floor(high), _INT64.min), _INT64.max)
    found: np.ndarray = ~((low <= values) & (values <= high))
    return found


def dtype_of(item: Input) -> type | None:
    """Of the arrays of an input's numbers; `None` where they have to be lists."""
    if item.tensor not in ("float32", "int64"):
        return None
    fill = item.missing.fill if item.missing else 0
    if item.integral:
        return np.int64 if type(fill) is int and abs(fill) <= MOST_EXACT else None
    return np.float64 if type(fill) in (int, float) else None


def are_whole(values: np.ndarray) -> bool:
    """True for integers, however they are kept."""
    return values.dtype.kind == "i" or bool((values == np.floor(values)).all())


def filled(values: np.ndarray, gaps: np.ndarray | None, fill: object) -> np.ndarray:
    """The values of all rows: of those that `gaps` says have none, the fill."""
    if gaps is None:
        return values
    whole = np.full(len(gaps), fill, values.dtype)
    whole[~gaps] = values
    return whole
