"""Parquet, where pyarrow is installed: a column of paths in, the finished table out."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from vigie.batch.answer_columns import LABEL
from vigie.errors import DataError, MissingExtra
from vigie.files import replacing

try:
    import pyarrow as pa
    import pyarrow.csv as pa_csv
    import pyarrow.parquet as pq
except ImportError:
    raise MissingExtra("Parquet needs pyarrow: pip install 'vigie[parquet]'") from None

_TEXTS = ("name", LABEL, "error")


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


def write_parquet(table: Path, target: Path, columns: Sequence[str]) -> None:
    """Writes the CSV file `table` as Parquet, whole or not at all; memory does not grow with it."""
    types = {name: pa.string() if name in _TEXTS else pa.float64() for name in columns}
    options = pa_csv.ConvertOptions(column_types=types, strings_can_be_null=True)
    schema = pa.schema(list(types.items()))
    with (
        pa_csv.open_csv(table, convert_options=options) as reader,
        replacing(target) as made,
        pq.ParquetWriter(made, schema) as writer,
    ):
        for part in reader:
            writer.write_batch(part)
