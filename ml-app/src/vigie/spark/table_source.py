"""The rows of a table: CSV as texts, Parquet as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as sf
from pyspark.sql.types import StringType, StructField, StructType

from vigie.errors import DataError
from vigie.spark.table_task import BROKEN
from vigie.spark.uri import literal

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from vigie.models.document import PackageDocument
    from vigie.spark.storage import Storage

_CSV: dict[str, str | bool] = {
    "header": True,
    "quote": '"',
    "escape": '"',
    "emptyValue": "",
    "enforceSchema": False,
}


def read_table(session: SparkSession, storage: Storage, uri: str) -> DataFrame:
    """The rows of a CSV or Parquet file, or of a folder of such files.

    Those of CSV are texts, and have a column `BROKEN` that is not empty in a line with too many or
    too few cells. Raises `DataError` where there is none.
    """
    if not storage.exists(uri):
        raise DataError("there is no such input: give a CSV or Parquet file, or a folder of them")
    names = storage.names(uri) if storage.is_folder(uri) else [uri]
    if any(name.endswith(".parquet") for name in names):
        return session.read.parquet(literal(uri))
    if not any(name.endswith((".csv", ".csv.gz")) for name in names):
        raise DataError("the input is no table: its files end with .csv, .csv.gz or .parquet")
    return _read_csv(session, uri)


def _read_csv(session: SparkSession, uri: str) -> DataFrame:
    where = literal(uri)
    options = {**_CSV, "multiLine": _has_breaks(session, where)}
    names = session.read.options(**options).csv(where).columns
    if not names:
        raise DataError("the table is empty: it needs a line with the names of the columns")
    fields = [StructField(name, StringType()) for name in (*names, BROKEN)]
    reader = session.read.options(**options, columnNameOfCorruptRecord=BROKEN)
    return reader.schema(StructType(fields)).csv(where)


def _has_breaks(session: SparkSession, where: str) -> bool:
    """True where a cell holds a line break: such a file is read by one task."""
    line = sf.col("value")
    quotes = sf.length(line) - sf.length(sf.replace(line, sf.lit('"'), sf.lit("")))
    return bool(session.read.text(where).where(quotes % 2 == 1).limit(1).count())


def check_columns(document: PackageDocument, table: DataFrame, fresh: list[str]) -> None:
    """Refuses a table that lacks an input, or has a column of the answer."""
    columns = [name for name in table.columns if name != BROKEN]
    if taken := [name for name in columns if name in fresh]:
        raise DataError(f"the table has a column {taken[0]} already; rename it")
    needed = [item.name for item in document.inputs if item.required]
    if missing := [name for name in needed if name not in columns]:
        raise DataError(f"the table has no column {', '.join(missing)}")
