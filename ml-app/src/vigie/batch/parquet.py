"""Parquet, where pyarrow is installed: a column of paths in, the finished table out."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vigie.batch.answer_columns import LABEL, NEAREST, NEAREST_LABEL
from vigie.errors import DataError, MissingExtra
from vigie.files import replacing

try:
    import pyarrow as pa
    import pyarrow.csv as pa_csv
    import pyarrow.parquet as pq
except ImportError:
    raise MissingExtra("Parquet needs pyarrow: pip install 'vigie[parquet]'") from None

_TEXTS = ("name", LABEL, NEAREST, NEAREST_LABEL, "error")
_NUMBERS = pa.list_(pa.float32())


def read_column(path: Path, choose: Callable[[Sequence[str]], str]) -> list[str]:
    """The texts of the column that `choose` names of all; `DataError` where it is none of texts."""
    try:
        with pq.ParquetFile(path) as file:
            name = choose(file.schema_arrow.names)
            values: list[Any] = file.read(columns=[name]).column(name).to_pylist()
    except pa.ArrowException:
        raise DataError(f"{path.name} is not Parquet") from None
    texts = [os.fsdecode(one) if isinstance(one, bytes) else one for one in values]
    if any(not isinstance(text, str) or not text for text in texts):
        raise DataError(f"the column {name} has rows without a path")
    return texts


def write_parquet(
    table: Path,
    target: Path,
    columns: Sequence[str],
    lists: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Writes the CSV file `table` as Parquet, whole or not at all; memory does not grow with it.

    Columns that `lists` names together become one column of lists, called by its key.
    """
    types = {name: pa.string() if name in _TEXTS else pa.float64() for name in columns}
    options = pa_csv.ConvertOptions(column_types=types, strings_can_be_null=True)
    folded = _Folded(columns, lists or {})
    schema = pa.schema(
        [(name, _NUMBERS if name in folded.lists else types[name]) for name in folded.names]
    )
    with (
        pa_csv.open_csv(table, convert_options=options) as reader,
        replacing(target) as made,
        pq.ParquetWriter(made, schema) as writer,
    ):
        for part in reader:
            writer.write_batch(folded.fold(part, schema))


class _Folded:
    """The columns of a table, those of one vector as one column in the place of the first."""

    def __init__(self, columns: Sequence[str], lists: Mapping[str, Sequence[str]]) -> None:
        self.lists = lists
        firsts = {places[0]: name for name, places in lists.items()}
        others = {place for places in lists.values() for place in places[1:]}
        self.names = [firsts.get(column, column) for column in columns if column not in others]

    def fold(self, part: Any, schema: Any) -> Any:
        """A part of the table by the schema of the whole."""
        arrays = [
            self._lists(part, self.lists[name]) if name in self.lists else part.column(name)
            for name in self.names
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _lists(self, part: Any, places: Sequence[str]) -> Any:
        """The lists of rows; a row without an answer has none."""
        values = np.column_stack(
            [part.column(place).to_numpy(zero_copy_only=False) for place in places]
        )
        there = np.asarray(part.column(places[0]).is_valid().to_numpy(zero_copy_only=False), bool)
        ends = np.concatenate([[0], np.cumsum(there * len(places))])
        kept = pa.array(values[there].ravel().astype(np.float32))
        offsets = pa.array(ends.astype(np.int32))
        return pa.ListArray.from_arrays(offsets, kept, mask=pa.array(~there))
