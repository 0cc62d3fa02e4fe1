from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from support.spark import uri
from vigie.errors import DataError
from vigie.spark.storage import Storage
from vigie.spark.table_source import TableSource, find_table
from vigie.spark.table_task import BROKEN

ROWS = pa.table({"a": [1, 2], "b": ["x", "y"]})


def write_csv(path: Path, rows: int = 2) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("a,b\n" + "1,x\n" * rows)


def write_parquet(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(ROWS, path)


@pytest.fixture
def found(spark: SparkSession, storage: Storage, tmp_path: Path) -> TableSource:
    """The table of a folder with a CSV file among others."""
    write_csv(tmp_path / "in [1]" / "homes.csv")
    (tmp_path / "in [1]" / "notes é.txt").write_text("of,no\nuse,here,at all\n")
    (tmp_path / "in [1]" / "_SUCCESS").touch()
    write_csv(tmp_path / "in [1]" / "old" / "homes.csv", 5)
    return find_table(spark, storage, uri(tmp_path / "in [1]"))


def test_of_a_folder_the_tables_are_read_and_nothing_else(
    spark: SparkSession, found: TableSource
) -> None:
    assert found.told() == "1 file, not read: notes é.txt, old/homes.csv"
    table = found.read(spark)
    assert table.columns == ["a", "b", BROKEN]
    assert [tuple(row) for row in table.collect()] == [("1", "x", None)] * 2


def test_of_many_files_that_are_not_read_a_few_are_named(
    spark: SparkSession, storage: Storage, tmp_path: Path
) -> None:
    write_parquet(tmp_path / "in" / "part-0.parquet")
    for number in range(6):
        (tmp_path / "in" / f"{number}.txt").write_text("no table")
    found = find_table(spark, storage, uri(tmp_path / "in"))
    assert found.told() == "1 file, not read: 0.txt, 1.txt, 2.txt and 3 more"
    assert found.read(spark).count() == 2


@pytest.mark.parametrize("end", ["parquet", "csv"])
def test_folders_of_partitions_are_columns(
    spark: SparkSession, storage: Storage, tmp_path: Path, end: str
) -> None:
    write = write_parquet if end == "parquet" else write_csv
    for month in ("2026-01", "__HIVE_DEFAULT_PARTITION__"):
        for rooms in ("1", "02"):
            write(tmp_path / "in" / f"month={month}" / f"rooms={rooms}" / f"x.{end}")
    (tmp_path / "in" / "month=2026-01" / "README.md").write_text("no table")
    found = find_table(spark, storage, uri(tmp_path / "in"))
    told = "4 files, partitions by month, rooms, not read: month=2026-01/README.md"
    assert found.told() == told
    table = found.read(spark)
    assert set(table.columns) - {BROKEN} == {"a", "b", "month", "rooms"}
    counts = {(row.month, row.rooms): row["count"] for row in
              table.groupBy("month", "rooms").count().collect()}  # fmt: skip
    assert counts == {(m, r): 2 for m in ("2026-01", None) for r in ("1", "02")}


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        (["notes.txt"], "the input is no table: its files end with"),
        (["old/homes.csv"], "it has old/homes.csv, name that folder"),
        (["a.csv", "b.parquet"], "the input has both CSV and Parquet"),
        (["a.csv", "k=1/b.csv"], "the input is several tables"),
        (["k=1/a.csv", "n=1/b.csv"], "the input is several tables"),
        (["k=1/a.csv", "old/b.csv"], "the input is several tables"),
    ],
)
def test_what_is_not_one_table_is_refused(
    spark: SparkSession, storage: Storage, tmp_path: Path, files: list[str], sentence: str
) -> None:
    for name in files:
        path = tmp_path / "in" / name
        write_parquet(path) if name.endswith(".parquet") else write_csv(path)
    with pytest.raises(DataError, match=sentence):
        find_table(spark, storage, uri(tmp_path / "in"))


def test_a_file_is_read_whatever_lies_beside_it(
    spark: SparkSession, storage: Storage, tmp_path: Path
) -> None:
    write_csv(tmp_path / "a.csv")
    write_parquet(tmp_path / "b.parquet")
    found = find_table(spark, storage, uri(tmp_path / "b.parquet"))
    assert found.told() == "1 file"
    assert found.read(spark).dtypes == [("a", "bigint"), ("b", "string")]
