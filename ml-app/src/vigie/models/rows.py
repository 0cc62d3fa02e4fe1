"""Rows: the numbers in the cells of a table, and checked rows on their way to a graph."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

Columns = dict[str, list[Any]]

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
    """Checked rows: one list per tensor of the graph, and what deserves a warning.

    `outside` holds, per input, the rows whose value is allowed but was not seen in training;
    `missing`, per input, how many rows had none and got the fill; `figures`, of each input that is
    an image, `FIGURES` per row. The column of an image has an array of pixels per row.
    """

    rows: int
    columns: Columns
    outside: dict[str, list[int]] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)
    figures: dict[str, list[tuple[float, ...]]] = field(default_factory=dict)


def number_in(cell: str) -> int | float | str:
    """The number that a cell spells with a decimal point; the cell itself where it spells none."""
    match = _NUMBER.fullmatch(cell)
    if match is None:
        return cell
    return int(match[1]) if _INTEGER.fullmatch(match[1]) else float(match[1])
