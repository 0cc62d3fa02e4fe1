"""Lines of CSV without quotes to the values of a model's inputs, by pyarrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from vigie.batch.table_parts import other_cells
from vigie.models.array_decoding import Distinct
from vigie.models.arrow_columns import arrays_of, values_of
from vigie.models.number_arrays import MOST_EXACT

if TYPE_CHECKING:
    from vigie.batch.table_parts import Lines
    from vigie.models.array_decoding import Values
    from vigie.models.model_input import Input

_TEXT, _NUMBER = pa.string(), pa.float64()
_DIFFERENT_TEXTS = pa.dictionary(pa.int32(), _TEXT)


class LineColumns:
    """The inputs among the columns of a table. Several threads may share it."""

    def __init__(self, columns: Sequence[str], inputs: Sequence[Input]) -> None:
        self._columns, self._inputs = list(columns), inputs
        self._quick = {
            item.name: _DIFFERENT_TEXTS if item.tensor == "string" else _NUMBER
            for item in inputs
            if not item.shape
        }
        # of a table with no input in it the rows are counted nevertheless
        self._texts = dict.fromkeys([item.name for item in inputs] or self._columns[:1], _TEXT)

    def read(self, lines: Lines) -> dict[str, Values]:
        """The values of the inputs by name.

        Raises `DataError` where a line has other cells than there are columns.
        """
        columns = self._quickly(lines) or self._as_texts(lines)
        return {item.name: _values(columns[item.name], item) for item in self._inputs}

    def _quickly(self, lines: Lines) -> dict[str, Any] | None:
        """Numbers as Arrow reads them; nothing where a table might have read one otherwise."""
        try:
            columns = self._read(lines, self._texts | self._quick)
        except pa.ArrowInvalid:
            return None
        return columns if all(_is_plain(columns[i.name], i) for i in self._inputs) else None

    def _as_texts(self, lines: Lines) -> dict[str, Any]:
        try:
            return self._read(lines, self._texts)
        except pa.ArrowInvalid:
            raise other_cells(_first_other(lines, len(self._columns))) from None

    def _read(self, lines: Lines, types: Mapping[str, Any]) -> dict[str, Any]:
        table = pa_csv.read_csv(
            pa.BufferReader(lines.text),
            pa_csv.ReadOptions(
                use_threads=False, block_size=len(lines.text) + 1, column_names=self._columns
            ),
            pa_csv.ParseOptions(quote_char=False),
            pa_csv.ConvertOptions(
                check_utf8=False, include_columns=list(types), column_types=types,
                null_values=[""], strings_can_be_null=True,
            ),
        )  # fmt: skip
        return {name: table.column(name).combine_chunks() for name in types}


def _is_plain(array: Any, item: Input) -> bool:
    """False for numbers that are not finite, or so large that an integer may be another."""
    if array.type != _NUMBER or array.null_count == len(array):
        return True
    if not pc.all(pc.is_finite(array)).as_py():
        return False
    ends = pc.min_max(array).as_py()
    return not item.integral or -MOST_EXACT < ends["min"] <= ends["max"] < MOST_EXACT


def _values(array: Any, item: Input) -> Values:
    if array.type != _DIFFERENT_TEXTS:
        return arrays_of(array, item)
    places = array.indices
    known = array.dictionary
    if places.null_count:
        places, known = places.fill_null(len(known)), pa.concat_arrays([known, pa.nulls(1, _TEXT)])
    return Distinct(values_of(known, item), places.to_numpy())


def _first_other(lines: Lines, cells: int) -> int:
    """The number of the first line with another number of cells."""
    for place, line in enumerate(lines.text.split(b"\n")):
        if line and line.count(b",") != cells - 1:
            return lines.first + place
    return lines.first
