"""Checked rows on their way to a graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Columns = dict[str, list[Any]]


@dataclass(slots=True)
class Decoded:
    """Checked rows: one list per tensor of the graph, and what deserves a word.

    `outside` holds, per input, the rows whose value is allowed but was not seen in training;
    `missing`, per input, how many rows had none and got the fill.
    """

    rows: int
    columns: Columns
    outside: dict[str, list[int]] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)
