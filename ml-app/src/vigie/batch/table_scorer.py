"""The rows of a part of a CSV file, with the answers of a model beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from vigie.batch.row_scorer import RowScorer
from vigie.batch.table_answers import Score, answer_names, csv_line
from vigie.batch.table_parts import Cells
from vigie.models.array_decoding import Distinct
from vigie.models.rows import number_in

if TYPE_CHECKING:
    from vigie.batch.line_columns import LineColumns
    from vigie.batch.table_parts import Part
    from vigie.engines.predictor import Predictor
    from vigie.models.array_decoding import Values
    from vigie.models.model_input import Input

_CellsAt = Callable[[int], Sequence[str]]


class TableScorer:
    """Answers the rows of a table with `columns`. Several threads may share it."""

    def __init__(self, predictor: Predictor, columns: Sequence[str]) -> None:
        document = predictor.package.document
        self._columns = list(columns)
        self._inputs = [item for item in document.inputs if item.name in columns]
        self._names = answer_names(document)
        self._rows = RowScorer(predictor)

    @cached_property
    def _lines(self) -> LineColumns:
        # there are none where pyarrow is not installed
        from vigie.batch.line_columns import LineColumns

        return LineColumns(self._columns, self._inputs)

    def score(self, part: Part) -> tuple[bytes, Score]:
        """The rows of a part as lines, each with its answer or what is wrong with it."""
        if isinstance(part, Cells):
            return self._beside(_lines_of(part), self._values(part), part.rows.__getitem__)
        lines = [line for line in part.text.split(b"\n") if line]
        values = self._lines.read(part) if lines else {}
        return self._beside(lines, values, lambda row: lines[row].decode().split(","))

    def _beside(
        self, lines: Sequence[bytes], values: Mapping[str, Values], cells_at: _CellsAt
    ) -> tuple[bytes, Score]:
        rows = len(lines)
        answers = self._rows.answer(values, rows, lambda row: self._given(cells_at(row)))
        cells = answers.lines(self._names)
        text = b"\n".join([*map(b",".join, zip(lines, cells, strict=True)), b""])
        return text, Score(rows - len(answers.errors), len(answers.errors))

    def _values(self, part: Cells) -> dict[str, Values]:
        place = {name: place for place, name in enumerate(self._columns)}
        return {
            item.name: Distinct.each([_value(row[place[item.name]], item) for row in part.rows])
            for item in self._inputs
        }

    def _given(self, cells: Sequence[str]) -> dict[str, Any]:
        given = dict(zip(self._columns, cells, strict=True))
        return {item.name: _value(given[item.name], item) for item in self._inputs}


def _value(cell: str, item: Input) -> Any:
    """What a caller would have sent for a cell; nothing for an empty one."""
    if not cell:
        return None
    return cell if item.dtype == "string" else number_in(cell)


def _lines_of(part: Cells) -> list[bytes]:
    """The rows as lines of CSV without their end."""
    # one empty cell would be quoted, were nothing behind it
    return [csv_line([*row, ""])[: -len(",\n")] for row in part.rows]
