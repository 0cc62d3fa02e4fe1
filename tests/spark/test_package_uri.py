from __future__ import annotations

import shutil
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
