from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from support.quarters_package import write_quarters
from vigie.errors import DataError, NotFound
from vigie.settings import load_settings
from vigie.spark.package_uri import fetch_model


def test_a_package_is_a_folder_or_a_zip_anywhere(spark: SparkSession, tmp_path: Path) -> None:
    digest = write_quarters(tmp_path / "quarters")
    shutil.make_archive(str(tmp_path / "flat"), "zip", tmp_path / "quarters")
    shutil.make_archive(str(tmp_path / "nested"), "zip", tmp_path, "quarters")
    there = f"viewfs://store{tmp_path}"
    ways = (
        str(tmp_path / "quarters"), str(tmp_path / "flat.zip"), f"{there}/quarters",
        f"{there}/nested.zip",
    )  # fmt: skip
    for number, reference in enumerate(ways):
        scratch = tmp_path / f"scratch-{number}"
        scratch.mkdir()
        found = fetch_model(spark, reference, scratch, load_settings())
        assert found.predictor.package.digest == digest


def test_what_is_no_package_is_told(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK?")
    with pytest.raises(DataError, match=r"x\.zip is no zip"):
        fetch_model(spark, str(tmp_path / "x.zip"), tmp_path, load_settings())
    with pytest.raises(NotFound, match="there is no package at the URI"):
        fetch_model(spark, f"viewfs://store{tmp_path}/absent", tmp_path, load_settings())
    with pytest.raises(NotFound):
        fetch_model(spark, str(tmp_path / "absent.zip"), tmp_path, load_settings())


def test_a_uri_with_a_key_is_refused_without_it(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no key or password") as refused:
        fetch_model(spark, "s3a://AKIA:hunter2@bucket/model", tmp_path, load_settings())
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("local", "central", "value", "sentence"),
    [
        (6, 8, 1, r"x\.zip is encrypted: give a zip without a password"),
        # a method that Python does not know
        (8, 10, 97, r"x\.zip is no zip"),
    ],
)
def test_a_zip_that_cannot_be_unpacked_is_told(
    spark: SparkSession, tmp_path: Path, local: int, central: int, value: int, sentence: str
) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr("vigie/model.onnx", b"graph")
    content = bytearray((tmp_path / "x.zip").read_bytes())
    content[local] = content[content.index(b"PK\1\2") + central] = value
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(DataError, match=sentence):
        fetch_model(spark, str(tmp_path / "x.zip"), tmp_path, load_settings())
