"""Cells of a table as text, and the numbers that they spell."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"[ \t]*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[ \t]*")
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")


def number_in(cell: str) -> int | float | str:
    """The number that a cell spells with a decimal point; the cell itself where it spells none."""
    match = _NUMBER.fullmatch(cell)
    if match is None:
        return cell
    return int(match[1]) if _INTEGER.fullmatch(match[1]) else float(match[1])
