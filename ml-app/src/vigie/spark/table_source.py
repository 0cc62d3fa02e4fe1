"""The rows of a table: CSV as texts, Parquet as it is; a file, a folder, or folders of partitions.

What else lies in such a folder is left out: Spark alone would read it as a table, too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pyspark.sql import functions as sf
from pyspark.sql.types import StringType, StructField, StructType

from vigie.errors import DataError
from vigie.spark.table_task import BROKEN
from vigie.spark.uri import literal

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, DataFrameReader, SparkSession

    from vigie.models.document import PackageDocument
    from vigie.spark.storage import Storage

_CSV: dict[str, str | bool] = {
    "header": True,
    "quote": '"',
    "escape": '"',
    "emptyValue": "",
    "enforceSchema": False,
}
_ENDS = {"csv": (".csv", ".csv.gz"), "Parquet": (".parquet",)}
_GLOBS = {"csv": "*.{csv,csv.gz}", "Parquet": "*.parquet"}
_BEFORE_PATH = re.compile("^[A-Za-z][A-Za-z0-9+.-]*:(//[^/]*)?")
"""Scheme and authority, which Spark writes in more than one way."""
_NO_TABLE = "the input is no table: its files end with .csv, .csv.gz or .parquet"
_MOST_TOLD = 3


@dataclass(frozen=True, slots=True)
class TableSource:
    """Files of one format, and what lies beside them and is not read: names below `uri`.

    The name of a table that is one file is empty. The columns of `partitions` are the names of
    folders, `key=value`; their values are texts.
    """

    uri: str
    format: str
    files: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    partitions: tuple[str, ...] = ()

    def told(self) -> str:
        """What is read, and what is not, in one phrase."""
        many = len(self.files)
        parts = [f"{many:,} {'file' if many == 1 else 'files'}"]
        if self.partitions:
            parts.append(f"partitions by {', '.join(self.partitions)}")
        if self.left_out:
            parts.append(f"not read: {_some(self.left_out)}")
        return ", ".join(parts)

    def read(self, session: SparkSession) -> DataFrame:
        """The rows. Those of CSV are texts, and have a column `BROKEN` that is not empty in a line
        with too many or too few cells.
        """
        if self.format == "Parquet":
            return self._reader(session).parquet(*self._paths())
        return self._read_csv(session)

    def _reader(self, session: SparkSession) -> DataFrameReader:
        if not self.files[0]:
            return session.read
        reader = session.read.option("pathGlobFilter", _GLOBS[self.format])
        return reader.option("basePath", self.uri) if self.partitions else reader

    def _paths(self) -> list[str]:
        """What Spark is told to read: of partitions the folders, for it takes any file between."""
        if not self.partitions:
            return [literal(self.uri)]
        folders = {name.rpartition("/")[0] for name in self.files}
        return [literal(f"{self.uri}/{folder}") for folder in sorted(folders)]

    def _read_csv(self, session: SparkSession) -> DataFrame:
        where = self._paths()
        options = {**_CSV, "multiLine": self._has_breaks(session)}
        names = self._reader(session).options(**options).csv(where).columns
        if not names:
            raise DataError("the table is empty: it needs a line with the names of the columns")
        fields = [StructField(name, StringType()) for name in (*names, BROKEN)]
        reader = self._reader(session).options(**options, columnNameOfCorruptRecord=BROKEN)
        return reader.schema(StructType(fields)).csv(where)

    def _has_breaks(self, session: SparkSession) -> bool:
        """True where a cell holds a line break: such a file is read by one task."""
        line = sf.col("value")
        quotes = sf.length(line) - sf.length(sf.replace(line, sf.lit('"'), sf.lit("")))
        lines = self._reader(session).text(self._paths())
        # few lines have quotes to count
        odd = lines.where(line.contains('"') & (quotes % 2 == 1))
        return bool(odd.limit(1).count())


def find_table(session: SparkSession, storage: Storage, uri: str) -> TableSource:
    """The CSV or Parquet at `uri`; `DataError` where there is none, or not one table."""
    if not storage.exists(uri):
        raise DataError("there is no such input: give a CSV or Parquet file, or a folder of them")
    if not storage.is_folder(uri):
        if (kind := _format_of(uri)) is None:
            raise DataError(_NO_TABLE)
        return TableSource(uri, kind, ("",))
    names = _names_below(session, storage.qualified(uri))
    tables = {name: kind for name in names if (kind := _format_of(name))}
    # a folder in it that is no partition is another table
    own = {name: keys for name in tables if (keys := _keys_of(name)) is not None}
    left_out = [name for name in names if name not in own]
    if not own:
        inner = f"; it has {_some(list(tables))}, name that folder" if tables else ""
        raise DataError(f"{_NO_TABLE}{inner}")
    if len({tables[name] for name in own}) > 1:
        raise DataError("the input has both CSV and Parquet: name one file, or a folder of one")
    keys, *others = set(own.values())
    if others or (keys and len(own) < len(tables)):
        raise DataError(
            "the input is several tables: its files lie in folders of different keys; name one"
        )
    kind = tables[next(iter(own))]
    return TableSource(uri, kind, tuple(own), tuple(left_out), keys)


def _names_below(session: SparkSession, folder: str) -> list[str]:
    """The files in a folder and the folders in it, without those that Spark never reads."""
    reader = session.read.format("binaryFile").option("recursiveFileLookup", True)
    listed = reader.load(literal(folder))._jdf.inputFiles()
    above = _BEFORE_PATH.sub("", folder)
    paths = (unquote(_BEFORE_PATH.sub("", uri)) for uri in listed)
    return sorted(path.removeprefix(above).lstrip("/") for path in paths)


def _format_of(name: str) -> str | None:
    return next((kind for kind, ends in _ENDS.items() if name.endswith(ends)), None)


def _keys_of(name: str) -> tuple[str, ...] | None:
    """The keys of the folders that a file lies in; nothing where one of them is no partition."""
    folders = name.split("/")[:-1]
    keys = tuple(folder.partition("=")[0] for folder in folders if "=" in folder)
    return keys if len(keys) == len(folders) else None


def _some(names: Sequence[str]) -> str:
    more = len(names) - _MOST_TOLD
    return ", ".join(names[:_MOST_TOLD]) + (f" and {more:,} more" if more > 0 else "")


def check_columns(document: PackageDocument, table: DataFrame, fresh: list[str]) -> None:
    """Refuses a table that lacks an input, or has a column of the answer."""
    columns = [name for name in table.columns if name != BROKEN]
    if taken := [name for name in columns if name in fresh]:
        raise DataError(f"the table has a column {taken[0]} already; rename it")
    needed = [item.name for item in document.inputs if item.required]
    if missing := [name for name in needed if name not in columns]:
        raise DataError(f"the table has no column {', '.join(missing)}")
