"""What was written is read again: its columns and how many rows it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vigie.errors import DataError
from vigie.spark.storage import Storage
from vigie.spark.uri import literal

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def check_table(session: SparkSession, uri: str, made: DataFrame) -> int:
    """How many rows the table at `uri` has; `DataError` where its columns are not those of `made`.

    A table by label without a row is an empty folder.
    """
    storage = Storage(session)
    folders = [name for name in storage.names(uri) if not name.startswith("_")]
    if not folders:
        return 0
    found = session.read.parquet(literal(uri))
    # a label that every row lacks has no type
    kinds = {name: kind for name, kind in found.dtypes if kind != "void"}
    wanted = dict(made.dtypes)
    if set(found.columns) != set(wanted) or any(wanted[name] != kinds[name] for name in kinds):
        raise DataError(
            f"the columns of {uri.rpartition('/')[2]} are not those that were written: "
            "the same command writes it anew"
        )
    return found.count()
