from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from rich.console import Console

from support.photos import write_photos
from support.spark import uri
from vigie.registry.reference import BatchModel
from vigie.spark.photo_run import PhotoRun
from vigie.spark.photo_source import PhotoSource
from vigie.spark.shipping import ship
from vigie.spark.storage import Storage
from vigie.spark.vector_answer import VectorAnswer

Start = Callable[[], PhotoRun]


@pytest.fixture
def start(spark: SparkSession, storage: Storage, quarters: BatchModel, tmp_path: Path) -> Start:
    (tmp_path / "scratch").mkdir()
    shipped = ship(spark, quarters.predictor, tmp_path / "scratch")

    def start() -> PhotoRun:
        source = PhotoSource(spark, storage, uri(tmp_path / "photos"))
        answer = VectorAnswer("features")
        return PhotoRun(spark, storage, source, shipped, answer, uri(tmp_path / "out"))

    return start


def reasons_of(run: PhotoRun) -> dict[str, str | None]:
    rows: list[dict[str, Any]] = run.rows().toArrow().to_pylist()
    assert all((row["vector"] is None) == (row["reason"] is not None) for row in rows)
    assert len(rows) == len({row["name"] for row in rows})
    return {row["name"]: row["reason"] for row in rows}


def test_what_its_place_did_not_give_is_tried_again_and_what_is_broken_is_not(
    start: Start, tmp_path: Path, console: Console
) -> None:
    (first, second, _) = write_photos(tmp_path / "photos")
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"<html>")
    run = start()
    # between the listing and the tasks two files are gone
    for path in (first, second):
        path.rename(path.with_suffix(".away"))
    assert run.compute(console) == 4
    gone = "there is no such file, or it is gone"
    told = reasons_of(run)
    assert told == {
        first.name: gone, second.name: gone, "blue-0.jpg": None, "broken.jpg": "an HTML page",
    }  # fmt: skip
    # one of them comes back, the very file that was listed; of the other another thing is told
    first.with_suffix(".away").rename(first)
    second.symlink_to(second.name)
    assert run.compute(console) == 2
    assert reasons_of(run) == told | {
        first.name: None,
        second.name: "a link that leads in a circle",
    }
    second.unlink()
    second.with_suffix(".away").rename(second)
    assert run.compute(console) == 1
    assert reasons_of(run) == told | {first.name: None, second.name: None}
    assert start().compute(console) == 0


def test_a_row_that_is_there_twice_does_not_hide_one_that_is_lost(
    start: Start, tmp_path: Path, console: Console
) -> None:
    (kept, lost, _) = write_photos(tmp_path / "photos")
    run = start()
    run.compute(console)
    parts = {pq.read_table(path)["name"][0].as_py(): path for path in parts_of(tmp_path / "out")}
    assert len(parts) == 3
    (whole, gone) = (parts[path.name] for path in (kept, lost))
    for part in (whole, gone):
        # what a sum of the bytes says of them
        part.with_name(f".{part.name}.crc").unlink()
    gone.unlink()
    pq.write_table(pa.concat_tables([pq.read_table(whole)] * 2), whole)
    assert reasons_of(run) == {kept.name: None, "blue-0.jpg": None}


def parts_of(output: Path) -> list[Path]:
    return [
        path
        for path in (output / "_parts").rglob("part-*.parquet")
        if pq.read_metadata(path).num_rows
    ]
