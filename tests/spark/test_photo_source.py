from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from support.photos import photo_bytes
from support.spark import uri
from vigie.errors import ConfigurationError, DataError
from vigie.models.photo_file import MOST_BYTES
from vigie.spark.photo_source import PhotoSource
from vigie.spark.storage import Storage

ODD = "a b/ü, 100%+{1}[2].JPG"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    names = ("x.jpg", ODD, "a b/notes.txt", "a b/.hidden.jpg", ".away/y.jpg", "label=3/z.png")
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo_bytes("red"))
    return root


def test_a_folder_of_a_disk_is_listed_as_by_a_batch(
    spark: SparkSession, storage: Storage, photos: Path
) -> None:
    (photos / os.fsdecode(b"a b/\xff\n.jpg")).write_bytes(photo_bytes("blue"))
    source = PhotoSource(spark, storage, uri(photos))
    assert source.kind == "disk"
    assert {(one.name, one.label) for one in source.photos} == {
        ("x.jpg", None), (ODD, "a b"), ("label=3/z.png", "label=3"), (r"a b/\xff\n.jpg", "a b"),
    }  # fmt: skip
    rows = source.frame(source.photos, 2).toArrow().to_pylist()
    assert {row["path"] for row in rows} == {one.path for one in source.photos}
    stamps = {one.name: one.stamp for one in source.photos}
    (photos / "x.jpg").write_bytes(photo_bytes("green"))
    again = {one.name: one.stamp for one in PhotoSource(spark, storage, uri(photos)).photos}
    assert [name for name in stamps if stamps[name] != again[name]] == ["x.jpg"]


def test_a_folder_of_another_storage_is_listed_alike(
    spark: SparkSession, storage: Storage, photos: Path
) -> None:
    with (photos / "huge.jpg").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    source = PhotoSource(spark, storage, f"viewfs://store{photos}")
    assert source.kind == "storage"
    assert {(one.name, one.label) for one in source.photos} == {
        ("x.jpg", None), (ODD, "a b"), ("label=3/z.png", "label=3"), ("huge.jpg", None),
    }  # fmt: skip
    some = [one for one in source.photos if one.name in (ODD, "huge.jpg")]
    for pending in (source.photos, some):
        rows = source.frame(pending, 2).toArrow().to_pylist()
        contents = {row["name"]: row["content"] for row in rows}
        assert contents.keys() == {one.name for one in pending}
        assert contents[ODD] == photo_bytes("red")
        # its length alone was looked at
        assert contents["huge.jpg"] is None


def test_a_storage_is_listed_once_and_what_is_done_is_let_be(
    spark: SparkSession, storage: Storage, photos: Path
) -> None:
    (photos / "empty.jpg").touch()
    source = PhotoSource(spark, storage, f"viewfs://store{photos}")
    listed = files_listed(spark)
    new = ("x.jpg", "empty.jpg")
    for name in (ODD, "label=3/z.png"):
        # who asks for it again gets an error
        (photos / name).unlink()
    rows = source.frame([one for one in source.photos if one.name in new], 2).toArrow()
    found = dict(zip(*(rows[name].to_pylist() for name in ("name", "content")), strict=True))
    assert found == {"x.jpg": photo_bytes("red"), "empty.jpg": b""}
    assert files_listed(spark) == listed


def files_listed(spark: SparkSession) -> int:
    """How many files Spark has met so far in the lists that it asked storages for."""
    java: Any = spark._jvm
    metrics = java.org.apache.spark.metrics.source.HiveCatalogMetrics
    return int(metrics.METRIC_FILES_DISCOVERED().getCount())


def test_a_table_has_the_files_in_a_column(
    spark: SparkSession, storage: Storage, tmp_path: Path
) -> None:
    table = pa.table({
        "path": ["red/1.jpg", "2.jpg"], "content": [photo_bytes("red"), b"no photo"],
        "other": [1, 2],
    })  # fmt: skip
    pq.write_table(table, tmp_path / "photos.parquet")
    source = PhotoSource(spark, storage, uri(tmp_path / "photos.parquet"))
    assert [(one.name, one.label) for one in source.photos] == [
        ("red/1.jpg", "red"),
        ("2.jpg", None),
    ]
    for pending in (source.photos, source.photos[1:]):
        rows = source.frame(pending, 2).toArrow().to_pylist()
        assert {row["name"] for row in rows} == {one.name for one in pending}
        assert {row["name"]: row["content"] for row in rows}["2.jpg"] == b"no photo"


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"name": ["a"], "pixels": [1]}, "needs a column name .* it has name, pixels"),
        ({"name": ["a", "a"], "content": [b"1", b"2"]}, "1 names are there twice, such as a"),
        ({"name": ["a", ""], "content": [b"1", b"2"]}, "rows without one"),
    ],
)
def test_a_table_that_cannot_be_used_is_told(
    spark: SparkSession, storage: Storage, tmp_path: Path, columns: dict[str, list[object]],
    sentence: str,
) -> None:  # fmt: skip
    pq.write_table(pa.table(columns), tmp_path / "photos.parquet")
    with pytest.raises(DataError, match=sentence):
        PhotoSource(spark, storage, uri(tmp_path / "photos.parquet"))


def test_patterns_beside_parquet_are_refused(
    spark: SparkSession, storage: Storage, tmp_path: Path
) -> None:
    table = pa.table({"name": ["a.jpg"], "content": [photo_bytes("red")]})
    pq.write_table(table, tmp_path / "photos.parquet")
    with pytest.raises(ConfigurationError, match="--pattern chooses files of a folder"):
        PhotoSource(spark, storage, uri(tmp_path / "photos.parquet"), ["*.jpg"])


def test_an_input_that_is_not_there_or_empty_is_told(
    spark: SparkSession, storage: Storage, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="there is no such input"):
        PhotoSource(spark, storage, uri(tmp_path / "absent"))
    with pytest.raises(DataError, match="there is no photo in the input"):
        PhotoSource(spark, storage, uri(tmp_path))
