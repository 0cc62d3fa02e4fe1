"""One input: the values of all rows at once, checked and put into the columns of its tensors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.models.number_arrays import (
    LEAST_NUMBERS,
    MOST_EXACT,
    are_beyond,
    are_whole,
    dtype_of,
    exact_array,
    filled,
    widened,
)
from vigie.models.number_limits import FLOAT32_MAX, INT64_MAX
from vigie.models.rows import Refused

if TYPE_CHECKING:
    from vigie.models.model_input import Input
    from vigie.models.rows import Decoded

_NONE = type(None)
_NUMBERS = frozenset({int, float})
_FLAGS = frozenset({bool, int, float})


class Column:
    """One input: takes the values of all rows at once, adds its tensors to the columns."""

    def __init__(self, item: Input) -> None:
        self.item = item
        self.name = item.name
        self._get = itemgetter(item.name)
        self.low, self.high = item.bounds
        self.seen_low, self.seen_high = item.range or (-FLOAT32_MAX, FLOAT32_MAX)
        self.known = frozenset(item.choices.values) if item.choices else None
        self.closed = item.choices is not None and item.choices.closed
        self.fill = item.missing.fill if item.missing else None
        self.indicator = item.missing.indicator if item.missing else None
        self._dtype = dtype_of(item)
        # above it an integer comes to a 32-bit float by way of a 64-bit one
        self._most = INT64_MAX if item.tensor == "int64" else MOST_EXACT
        self.take: Callable[[list[Any], Decoded], None] = self._take_numbers
        if item.is_image:
            from vigie.models.photo_column import take_photos

            self.take = partial(take_photos, item)
        elif item.shape:
            self.take = self._take_arrays
        elif item.tensor == "string":
            self.take = self._take_texts

    def pick(self, rows: Sequence[Any]) -> list[Any]:
        """The value of each row, `None` where it has none."""
        try:
            return list(map(self._get, rows))
        except KeyError:
            return [row.get(self.name) for row in rows]

    def _present(self, values: list[Any], kinds: set[type]) -> list[Any]:
        """The values that are not `None`: the checks are for these, a fill may lie outside."""
        if _NONE not in kinds:
            return values
        if self.item.required:
            raise Refused
        kinds.discard(_NONE)
        return [v for v in values if v is not None]

    def _keep(self, values: list[Any], missing: int, decoded: Decoded) -> None:
        """Adds the column with the fill for each of so many `None`, and the indicator."""
        if self.indicator:
            decoded.columns[self.indicator] = [float(v is None) for v in values]
        if missing:
            decoded.missing[self.name] = missing
            values = [self.fill if v is None else v for v in values]
        decoded.columns[self.name] = values

    def _take_numbers(self, given: list[Any] | np.ndarray, decoded: Decoded) -> None:
        if isinstance(given, np.ndarray) and self._take_array(widened(given), None, decoded):
            return
        values = _listed(given)
        kinds = set(map(type, values))
        present = self._present(values, kinds)
        if not kinds <= _NUMBERS:
            if not (self.item.flag and kinds <= _FLAGS):
                raise Refused
            values = [v if v is None else +v for v in values]
            present = [v for v in values if v is not None]
            kinds = set(map(type, present))
        if len(present) >= LEAST_NUMBERS:
            gaps = np.array([v is None for v in values]) if len(present) < len(values) else None
            if self._take_array(exact_array(present, kinds), gaps, decoded):
                return
        self._take_list(present, kinds, values, decoded)

    def _take_array(
        self, numbers: np.ndarray | None, gaps: np.ndarray | None, decoded: Decoded
    ) -> bool:
        """Takes many numbers at once; `gaps` says which rows have none. False for a list."""
        array = self._checked_array(numbers)
        if array is None:
            return False
        beyond = np.flatnonzero(are_beyond(array, self.seen_low, self.seen_high))
        if len(beyond):
            places = beyond if gaps is None else np.flatnonzero(~gaps)[beyond]
            decoded.outside[self.name] = places.tolist()
        if self.indicator:
            absent = np.zeros(len(array), bool) if gaps is None else gaps
            decoded.columns[self.indicator] = absent.astype(np.float32)
        if gaps is not None:
            decoded.missing[self.name] = len(gaps) - len(array)
        decoded.columns[self.name] = filled(array, gaps, self.fill)
        return True

    def _checked_array(self, numbers: np.ndarray | None) -> np.ndarray | None:
        """The numbers as an array; `None` where a list has to do."""
        if numbers is None or len(numbers) < LEAST_NUMBERS:
            return None
        # a NaN is the smallest and the largest of any
        low, high = numbers.min().item(), numbers.max().item()
        if not (self.low <= low and high <= self.high):
            raise Refused
        if self.item.integral and not are_whole(numbers):
            raise Refused
        fractions = numbers.dtype.kind == "f" and self._dtype is np.float64
        if self._dtype is None or not (fractions or (-self._most <= low and high <= self._most)):
            return None
        return numbers.astype(self._dtype, copy=False)

    def _take_list(
        self, present: list[Any], kinds: set[type], values: list[Any], decoded: Decoded
    ) -> None:
        if self.item.integral and float in kinds:
            if not all(type(v) is not float or v.is_integer() for v in present):
                raise Refused
            values = [v if v is None else int(v) for v in values]
        if present:
            low, high = self._checked_ends(present)
            if not (self.seen_low <= low and high <= self.seen_high):
                decoded.outside[self.name] = [
                    index
                    for index, value in enumerate(values)
                    if value is not None and not self.seen_low <= value <= self.seen_high
                ]
        self._keep(values, len(values) - len(present), decoded)

    def _checked_ends(self, numbers: list[Any]) -> tuple[float, float]:
        """The smallest and the largest number, both inside the limits."""
        low, high = min(numbers), max(numbers)
        # min and max step over a NaN that is not the first number; a sum does not
        if not (self.low <= low and high <= self.high) or math.isnan(sum(numbers)):
            raise Refused
        return low, high

    def _take_texts(self, values: list[Any], decoded: Decoded) -> None:
        kinds = set(map(type, values))
        missing = len(values) - len(self._present(values, kinds))
        if self.item.dtype == "int64":
            values = _integers_as_text(values)
        elif not kinds <= {str}:
            raise Refused
        if self.known is not None and (missing or not self.known.issuperset(values)):
            unknown = [i for i, v in enumerate(values) if v is not None and v not in self.known]
            if unknown:
                if self.closed:
                    raise Refused
                decoded.outside[self.name] = unknown
        self._keep(values, missing, decoded)

    def _take_arrays(self, given: list[Any] | np.ndarray, decoded: Decoded) -> None:
        if isinstance(given, np.ndarray) and given.shape[1:] == tuple(self.item.shape):
            array = self._checked_array(widened(given.ravel()))
            if array is not None:
                decoded.columns[self.name] = array
                return
        flat = _flattened(_listed(given), self.item.shape)
        kinds = set(map(type, flat))
        if self.item.dtype == "string":
            if not kinds <= {str}:
                raise Refused
        elif flat:
            if not kinds <= _NUMBERS:
                raise Refused
            decoded.columns[self.name] = self._checked(flat, kinds)
            return
        decoded.columns[self.name] = flat

    def _checked(self, flat: list[Any], kinds: set[type]) -> list[Any] | np.ndarray:
        """The numbers of arrays, of which whole ones may be written with a point."""
        if len(flat) >= LEAST_NUMBERS:
            array = self._checked_array(exact_array(flat, kinds))
            if array is not None:
                return array
        self._checked_ends(flat)
        if self.item.integral and not all(float(v).is_integer() for v in flat):
            raise Refused
        return flat


def _listed(values: list[Any] | np.ndarray) -> list[Any]:
    listed: list[Any] = values.tolist() if isinstance(values, np.ndarray) else values
    return listed


def _integers_as_text(values: list[Any]) -> list[Any]:
    """Each integer as the text that the graph looks up; a text must spell an integer."""
    texts: list[Any] = []
    for value in values:
        if (type(value) is int or (type(value) is float and value.is_integer())) and (
            -INT64_MAX <= value <= INT64_MAX
        ):
            texts.append(str(int(value)))
        elif value is None or (type(value) is str and _spells_integer(value)):
            texts.append(value)
        else:
            raise Refused
    return texts


def _spells_integer(text: str) -> bool:
    return text.removeprefix("-").isdecimal() and text.isascii() and len(text) < 20


def _flattened(values: Sequence[Any], shape: Sequence[int]) -> list[Any]:
    """The leaves of lists, each of the shape, or of arrays as a package's own rows have them."""
    level = list(values)
    for place, size in enumerate(shape):
        kinds = set(map(type, level))
        if np.ndarray in kinds:
            return [leaf for value in level for leaf in _leaves(value, shape[place:])]
        if not kinds <= {list} or not set(map(len, level)) <= {size}:
            raise Refused
        level = list(chain.from_iterable(level))
    return level


def _leaves(value: Any, shape: Sequence[int]) -> list[Any]:
    if not isinstance(value, np.ndarray):
        return _flattened([value], shape)
    if value.shape != tuple(shape):
        raise Refused
    leaves: list[Any] = value.ravel().tolist()
    return leaves
