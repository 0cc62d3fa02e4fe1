"""What a body holds, counted from its bytes, before anything is made of it.

An empty list takes two bytes in a body and forty times as much as an object of Python: a body that
holds more than any good one of the model is told from its bytes, and never parsed.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from vigie.models.model_input import Input

SMALL_BODY = 64 * 1024
"""Whatever it holds is parsed in a few milliseconds, and takes two megabytes."""
LEAST_LISTS = 2**16
LEAST_VALUES = 2**19
"""So many lists and objects, and so many values, are taken of every body."""
SPARE_VALUES = 1024
"""Beside the rows: names, shapes, parameters."""
_PIECE = 2**18
_QUOTE, _COMMA, _OPENS, _CLOSES, _CASE = *b'",{}', 0x20


def holds_more(body: bytes | bytearray, inputs: Collection[Input], rows: int) -> bool:
    """True for JSON with more values than any good body of so many rows has."""
    most = _most_values(inputs, rows)
    # quickly, with what stands in texts; then without
    return _holds_more(_pieces(body), most) and _holds_more(_outside_texts(_plain(body)), most)


def _most_values(inputs: Collection[Input], rows: int) -> int:
    # each value with a list or an object around it, and each row with a number of its own
    a_row = 2 + sum(
        prod(item.shape[:depth]) for item in inputs for depth in range(len(item.shape) + 1)
    )
    return rows * a_row + SPARE_VALUES


def rows_in(part: bytes) -> int:
    """How many values a JSON list has that is not empty."""
    commas = depth = 0
    for piece in _outside_texts(_plain(part)):
        folded = piece | _CASE
        steps = (folded == _OPENS).astype(np.int8) - (folded == _CLOSES)
        depths = np.cumsum(steps, dtype=np.int32) + depth
        commas += int(np.count_nonzero((piece == _COMMA) & (depths == 1)))
        depth = int(depths[-1])
    return commas + 1


def lines_in(table: bytes | bytearray) -> int:
    """How many lines of CSV are not empty."""
    lines, begun = 0, False
    for piece in _outside_texts(table):
        kept = (piece != ord("\n")) & (piece != ord("\r"))
        lines += int(np.count_nonzero(kept[1:] & ~kept[:-1])) + int(kept[0] and not begun)
        begun = bool(kept[-1])
    return lines


def _holds_more(pieces: Iterable[np.ndarray], most: int) -> bool:
    lists = values = 0
    for piece in pieces:
        # brackets and braces differ in the bit that makes small letters
        lists += int(np.count_nonzero((piece | _CASE) == _OPENS))
        values += int(np.count_nonzero(piece == _COMMA))
        if lists > max(most, LEAST_LISTS) or values > max(most, LEAST_VALUES):
            return True
    return False


def _plain(body: bytes | bytearray) -> bytes | bytearray:
    """JSON without its escaped quotes."""
    if b"\\" not in body:
        return body
    return body.replace(b"\\\\", b"").replace(b'\\"', b"")


def _pieces(body: bytes | bytearray) -> Iterator[np.ndarray]:
    for start in range(0, len(body), _PIECE):
        yield np.frombuffer(body, np.uint8, min(_PIECE, len(body) - start), start)


def _outside_texts(body: bytes | bytearray) -> Iterator[np.ndarray]:
    """Pieces of the body, with zeros for what stands between quotes."""
    inside = 0
    for piece in _pieces(body):
        # of a sum that wraps around the lowest bit stays
        odd = (np.cumsum(piece == _QUOTE, dtype=np.uint8) + inside) & 1
        inside = int(odd[-1])
        yield np.where(odd, 0, piece).astype(np.uint8, copy=False)
