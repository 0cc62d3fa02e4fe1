"""Tables as callers send them, CSV or pandas' split form, become columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from vigie.errors import InvalidInput, MalformedRequest
from vigie.models.rows import number_in
from vigie.models.wording import kind_of
from vigie.serving.dialects.columns import wrong
from vigie.serving.dialects.counting import lines_in

if TYPE_CHECKING:
    from vigie.models.model_input import Input

Columns = dict[str, list[Any]]


def columns_of(names: Sequence[Any], rows: Sequence[Any], place: Callable[[int], str]) -> Columns:
    """The columns of rows that are lists; `place` tells where a row stands in the body."""
    if not all(type(name) is str for name in names) or len(set(names)) != len(names):
        raise InvalidInput("The names of the columns are not different texts.")
    for index, row in enumerate(rows):
        if type(row) is not list or len(row) != len(names):
            got = f"{len(row)} values" if type(row) is list else kind_of(row)
            raise wrong(place(index), f"{len(names)} values", got)
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def read_csv(body: bytes | bytearray, most_rows: int) -> tuple[Columns, int]:
    """The columns of a CSV body (RFC 4180), their cells as text, and the number of rows.

    Empty cells are `None`, and empty lines are no rows.
    """
    try:
        text = body.decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        lines = list(islice((line for line in reader if line), most_rows + 2))
    except UnicodeDecodeError:
        raise MalformedRequest("The table is not UTF-8.") from None
    except csv.Error as broken:
        raise MalformedRequest(f"The body is not CSV: {broken}.") from None
    if len(lines) < 2:
        raise InvalidInput("The table needs a line with the names of the inputs and a row.")
    names, *rows = lines
    if len(rows) > most_rows:
        # of too many, what is behind is not read
        raise wrong("table", f"1 to {most_rows} rows", f"{lines_in(body) - 1} rows")
    cells = [[cell if cell != "" else None for cell in row] for row in rows]
    return columns_of(names, cells, lambda row: f"row {row + 1}"), len(rows)


def with_numbers(columns: Columns, inputs: Mapping[str, Input]) -> Columns:
    """The columns with each cell of a numeric input that spells a number replaced by it."""
    return {
        name: [cell if cell is None else number_in(cell) for cell in cells]
        if name in inputs and inputs[name].dtype != "string"
        else cells
        for name, cells in columns.items()
    }
