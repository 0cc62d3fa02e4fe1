"""Rows: the numbers in the cells of a table, and checked rows on their way to a graph."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np

Columns = dict[str, Any]
"""Per name the values of all rows: a list, or an array of one dimension."""

_NUMBER = re.compile(r"[ \t]*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[ \t]*")
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")


class Refused(Exception):
    """The column holds a value that is not taken; the slow path says which.

    `what` is what the value is, where that took a look into it.
    """

    def __init__(self, what: str = "") -> None:
        super().__init__(what)
        self.what = what


@dataclass(slots=True)
class Decoded:
    """Checked rows: one column per tensor of the graph, and what deserves a warning.

    A column is a list of the values of all rows, in row-major order where one has a shape; or an
    array of them, float64, int64 or float32, where there are many. `outside` holds, per input, the
    rows whose value is allowed but was not seen in training; `missing`, per input, how many rows
    had none and got the fill; `figures`, of each input that is an image, `FIGURES` per row. The
    column of an image has an array of pixels per row.
    """

    rows: int
    columns: Columns
    outside: dict[str, list[int]] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)
    figures: dict[str, list[tuple[float, ...]]] = field(default_factory=dict)

    @classmethod
    def joined(cls, parts: Sequence[Decoded]) -> Decoded:
        """The rows of several for one model, one after another, without what is outside.

        One alone is given as it is.
        """
        first = parts[0]
        if len(parts) == 1:
            return first
        missing: dict[str, int] = {}
        for part in parts:
            for name, rows in part.missing.items():
                missing[name] = missing.get(name, 0) + rows
        columns = _joined_lists(parts)
        if columns is None:
            columns = {
                name: _joined([part.columns[name] for part in parts]) for name in first.columns
            }
        figures = {
            name: [row for part in parts for row in part.figures[name]] for name in first.figures
        }
        return cls(sum(part.rows for part in parts), columns, {}, missing, figures)


def _joined_lists(parts: Sequence[Decoded]) -> Columns | None:
    """The columns of parts that have lists alone, as most have; `None` for others."""
    columns: Columns = {name: [] for name in parts[0].columns}
    for part in parts:
        for name, values in part.columns.items():
            if type(values) is not list:
                return None
            columns[name].extend(values)
    return columns


def _joined(columns: list[Any]) -> Any:
    """The values of several columns of one tensor; an array where some are."""
    if np.ndarray not in set(map(type, columns)):
        return list(chain.from_iterable(columns))
    kinds = {column.dtype.kind for column in columns if type(column) is np.ndarray}
    if kinds == {"f"}:
        return np.concatenate([np.asarray(column, np.float64) for column in columns])
    array = np.concatenate([np.asarray(column) for column in columns])
    if array.dtype == np.int64:
        return array
    # integers that are too large for an array, or a fill that is none
    lists = [c.tolist() if type(c) is np.ndarray else c for c in columns]
    return list(chain.from_iterable(lists))


def number_in(cell: str) -> int | float | str:
    """The number that a cell spells with a decimal point; the cell itself where it spells none."""
    match = _NUMBER.fullmatch(cell)
    if match is None:
        return cell
    return int(match[1]) if _INTEGER.fullmatch(match[1]) else float(match[1])
