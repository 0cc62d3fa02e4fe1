from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from pyspark import SparkFiles
from pyspark.sql import SparkSession

from vigie.errors import BrokenPackage, DataError
from vigie.registry.reference import BatchModel
from vigie.spark.failures import explained
from vigie.spark.shipping import ship


def test_a_package_that_a_full_disk_does_not_take_is_told(
    spark: SparkSession, quarters: BatchModel, tmp_path: Path
) -> None:
    digest = quarters.predictor.package.digest
    (tmp_path / f"vigie-{digest[:16]}.zip").symlink_to("/dev/full")
    with pytest.raises(DataError, match="the disk of this machine is full"), explained():
        ship(spark, quarters.predictor, tmp_path)


def test_only_what_answers_is_sent_and_a_changed_byte_is_seen(
    spark: SparkSession, quarters: BatchModel, tmp_path: Path
) -> None:
    shipped = ship(spark, quarters.predictor, tmp_path)
    with zipfile.ZipFile(tmp_path / f"{shipped.folder}.zip") as archive:
        sent = set(archive.namelist())
    assert sent == {*shipped.parts, "vigie/manifest.json"}
    assert "vigie/model.onnx" in sent
    assert not any(name.endswith((".keras", ".yaml")) for name in sent)
    graph = Path(SparkFiles.get(shipped.folder)) / "vigie" / "model.onnx"
    content = graph.read_bytes()
    try:
        graph.write_bytes(content + b"\0")
        with pytest.raises(BrokenPackage, match="differs from its sha256"):
            shipped.open()
    finally:
        graph.write_bytes(content)
    assert shipped.open() is shipped.open()
    assert shipped.open().package.digest == quarters.predictor.package.digest
