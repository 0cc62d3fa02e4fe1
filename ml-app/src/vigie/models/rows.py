"""Rows: the numbers in the cells of a table, and checked rows on their way to a graph."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

Columns = dict[str, list[Any]]

_NUMBER = re.compile(r"[ \t]*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[ \t]*")
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")


@dataclass(slots=True)
class Decoded:
    """Checked rows: one list per tensor of the graph, and what deserves a warning.

    `outside` holds, per input, the rows whose value is allowed but was not seen in training;
    `missing`, per input, how many rows had none and got the fill.
    """

    rows: int
    columns: Columns
    outside: dict[str, list[int]] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)


def number_in(cell: str) -> int | float | str:
    """The number that a cell spells with a decimal point; the cell itself where it spells none."""
    match = _NUMBER.fullmatch(cell)
    if match is None:
        return cell
    return int(match[1]) if _INTEGER.fullmatch(match[1]) else float(match[1])
