"""Columns of checked rows become the arrays that a graph takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from vigie.models.model_input import Input

_Feeds = dict[str, np.ndarray]

_DTYPES: dict[str, type] = {"float32": np.float32, "int64": np.int64, "string": object}


class FeedBuilder:
    """What the columns of one model become, settled once: a call of one row has little to do."""

    def __init__(self, inputs: Sequence[Input]) -> None:
        self._steps: list[Callable[[Mapping[str, Any], _Feeds], None]] = []
        alike: dict[str, list[str]] = {}
        for item in inputs:
            if item.missing and item.missing.indicator:
                alike.setdefault("float32", []).append(item.missing.indicator)
            if item.is_image:
                self._steps.append(partial(_add_photos, item.name))
            elif item.shape or item.tensor == "string":
                shape = (-1, *(item.shape or (1,)))
                self._steps.append(partial(_add_array, item.name, _DTYPES[item.tensor], shape))
            else:
                alike.setdefault(item.tensor, []).append(item.name)
        for kind, names in alike.items():
            self._steps.append(partial(_add_columns, tuple(names), _DTYPES[kind]))

    def build(self, columns: Mapping[str, Any]) -> _Feeds:
        """The arrays by name, [rows, 1] or [rows, *shape], of lists or arrays of all rows."""
        feeds: _Feeds = {}
        for step in self._steps:
            step(columns, feeds)
        return feeds


def feeds_of(inputs: Sequence[Input], columns: Mapping[str, Any]) -> _Feeds:
    """The arrays that a graph takes, name -> [rows, 1] or [rows, *shape]."""
    return FeedBuilder(inputs).build(columns)


def _add_columns(
    names: Sequence[str], dtype: type, columns: Mapping[str, Any], feeds: _Feeds
) -> None:
    """Lists of numbers become one array, whose parts the graph is given: it is one that costs."""
    lists, listed = [], []
    for name in names:
        values = columns[name]
        if type(values) is list:
            lists.append(values)
            listed.append(name)
        else:
            _add_array(name, dtype, (-1, 1), columns, feeds)
    if lists:
        feeds.update(zip(listed, np.array(lists, dtype)[:, :, None], strict=True))


def _add_array(
    name: str, dtype: type, shape: tuple[int, ...], columns: Mapping[str, Any], feeds: _Feeds
) -> None:
    values = columns[name]
    if isinstance(values, np.ndarray) and values.dtype == np.int64 and dtype is np.float32:
        # by way of 64-bit floats, as the integers of a list
        values = values.astype(np.float64)
    feeds[name] = np.asarray(values, dtype).reshape(shape)


def _add_photos(name: str, columns: Mapping[str, Any], feeds: _Feeds) -> None:
    feeds[name] = np.stack(columns[name])
