from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from pyspark.sql import SparkSession
from rich.console import Console

from support.colours_package import write_colours
from support.fruits import SHOWN, write_fruits
from support.packages import HOUSING_ROWS, housing_document, housing_graph, write_package
from support.photos import photo_bytes, write_photos
from support.spark import uri
from vigie.batch.table import score_table
from vigie.cli.main import main
from vigie.errors import ConfigurationError, DataError
from vigie.registry.reference import BatchModel, open_model
from vigie.settings import load_settings
from vigie.spark.features import FeaturesOrder, compute_features
from vigie.spark.score import ScoreOrder, ScoreSummary, score

Run = Callable[..., ScoreSummary]


@pytest.fixture
def run(spark: SparkSession, tmp_path: Path, console: Console) -> Run:
    def run(model: BatchModel, source: str, **how: Any) -> ScoreSummary:
        order = ScoreOrder(uri(tmp_path / source), uri(tmp_path / "out"), **how)
        (tmp_path / "scratch").mkdir(exist_ok=True)
        return score(spark, model, order, tmp_path / "scratch", console)

    return run


@pytest.fixture
def housing(tmp_path: Path) -> BatchModel:
    root = tmp_path / "housing"
    write_package(root, housing_document(), housing_graph(), HOUSING_ROWS)
    return open_model(str(root), load_settings())


def answers(tmp_path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ds.dataset(tmp_path / "out" / "answers").to_table().to_pylist()
    return found


def test_a_table_has_the_answers_of_a_batch(run: Run, housing: BatchModel, tmp_path: Path) -> None:
    path = tmp_path / "homes.csv"
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        write = csv.writer(file).writerow
        write(["id", "surface_m2", "rooms", "property_type", "note"])
        for number in range(300):
            rooms = "many" if number % 40 == 0 else number % 7 + 1
            note = 'a "q",\nb' if number == 5 else ""
            write([number, 20 + number / 2, rooms, ("house", "apartment")[number % 2], note])
    done = run(housing, "homes.csv")
    score_table(housing.predictor, path, tmp_path / "batch.csv")
    with (tmp_path / "batch.csv").open(newline="", encoding="utf-8") as file:
        expected = {row["id"]: row for row in csv.DictReader(file)}
    found = answers(tmp_path)
    assert (done.read, done.failed) == (len(found), 8) == (300, 8)
    for row in found:
        other = expected[row["id"]]
        assert row["note"] in (other["note"], None)
        assert (row["prediction_error"] or "") == other["prediction_error"]
        answer = other["prediction"]
        assert row["prediction"] == (float(answer) if answer else None)


def test_parquet_keeps_its_types(run: Run, housing: BatchModel, tmp_path: Path) -> None:
    table = pa.table({
        "surface_m2": [54.0, None, 60.0], "rooms": [3, 2, 900], "more": [b"x", b"y", b"z"],
        "property_type": ["house", "house", "house"],
    })  # fmt: skip
    pq.write_table(table, tmp_path / "homes.parquet")
    done = run(housing, "homes.parquet")
    assert (done.answered, done.failed) == (1, 2)
    by_rooms = {row["rooms"]: row for row in answers(tmp_path)}
    assert by_rooms[3]["more"] == b"x"
    assert by_rooms[2]["prediction_error"].startswith("surface_m2: expected number")
    assert "got integer outside the limits" in by_rooms[900]["prediction_error"]


def test_partitions_are_inputs_and_stay_and_what_lies_beside_them_is_told(
    run: Run, housing: BatchModel, tmp_path: Path, console: Console
) -> None:
    for rooms in ("3", "castle"):
        for month in ("2026-01", "2026-02"):
            folder = tmp_path / "homes" / f"rooms={rooms}" / f"month={month}"
            folder.mkdir(parents=True)
            table = pa.table({"surface_m2": [54.0, 60.0], "property_type": ["house"] * 2})
            pq.write_table(table, folder / "x.parquet")
    (tmp_path / "homes" / "README.md").write_text("no table")
    done = run(housing, "homes")
    assert (done.answered, done.failed) == (4, 4)
    found = answers(tmp_path)
    assert sorted((row["rooms"], row["month"]) for row in found if row["prediction"]) == [
        ("3", "2026-01"), ("3", "2026-01"), ("3", "2026-02"), ("3", "2026-02"),
    ]  # fmt: skip
    console.file.seek(0)
    assert "partitions by rooms, month, not read: README.md" in console.file.read()


def test_photos_have_an_answer_or_an_error(run: Run, tmp_path: Path) -> None:
    write_colours(tmp_path / "colours")
    (tmp_path / "photos" / "x").mkdir(parents=True)
    for name, content in (("x/1.jpg", photo_bytes("green")), ("2.jpg", b"<html>")):
        (tmp_path / "photos" / name).write_bytes(content)
    model = open_model(str(tmp_path / "colours"), load_settings())
    done = run(model, "photos")
    assert (done.read, done.answered, done.failed) == (2, 1, 1)
    whole, broken = sorted(answers(tmp_path), key=lambda row: row["name"] == "2.jpg")
    assert (whole["name"], whole["prediction_label"]) == ("x/1.jpg", "green")
    assert broken["prediction_error"] == "an HTML page"


def test_photos_have_the_answers_of_a_batch(run: Run, tmp_path: Path) -> None:
    write_fruits(tmp_path / "fruits")
    paths = write_photos(tmp_path / "photos", each=3)
    paths[0].with_name("broken.jpg").write_bytes(b"<html>")
    model = open_model(str(tmp_path / "fruits"), load_settings())
    run(model, "photos")
    words = [str(tmp_path / name) for name in ("fruits", "photos", "batch.parquet")]
    assert CliRunner().invoke(main, ["batch", *words, "--vectors"]).exit_code == 1
    expected = {row["name"]: row for row in pq.read_table(words[-1]).to_pylist()}
    found = {row["name"]: row for row in answers(tmp_path)}
    broken = found.pop("broken.jpg")
    assert broken.pop("prediction_error") == expected.pop("broken.jpg")["error"]
    assert {broken[name] for name in broken if name != "name"} == {None}
    assert found.keys() == expected.keys()
    for name, row in found.items():
        one = expected[name]
        assert (row["prediction_label"], row["prediction_error"]) == (one["label"], one["error"])
        assert row["prediction_score"] == pytest.approx(one["score"], abs=1e-6)
        assert row["prediction_vector"] == pytest.approx(one["vector"], abs=1e-6)
        assert row["prediction_warnings"] == []
        nearest, *others = row["prediction_neighbours"]
        assert len(others) == SHOWN - 1
        assert (nearest["photo"], nearest["label"]) == (one["nearest"], one["nearest_label"])
        assert nearest["similarity"] == pytest.approx(one["nearest_similarity"], abs=1e-6)


def test_the_output_of_features_is_no_output_of_score(
    run: Run, spark: SparkSession, quarters: BatchModel, tmp_path: Path, console: Console
) -> None:
    write_photos(tmp_path / "photos")
    order = FeaturesOrder(uri(tmp_path / "photos"), uri(tmp_path / "out"))
    (tmp_path / "scratch").mkdir()
    compute_features(spark, quarters, order, tmp_path / "scratch", console)
    before = (tmp_path / "out" / "_vigie.json").read_bytes()
    with pytest.raises(DataError, match="begun with another command, another vector; --restart"):
        run(quarters, "photos")
    assert (tmp_path / "out" / "_vigie.json").read_bytes() == before


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ("surface_m2,rooms", "the table has no column property_type"),
        ("surface_m2,rooms,property_type,prediction", "has a column prediction already"),
    ],
)
def test_a_table_that_cannot_be_used_is_told(
    run: Run, housing: BatchModel, tmp_path: Path, header: str, sentence: str
) -> None:
    (tmp_path / "homes.csv").write_text(f"{header}\n{','.join('1' for _ in header.split(','))}\n")
    with pytest.raises(DataError, match=sentence):
        run(housing, "homes.csv")
    with pytest.raises(ConfigurationError, match="--pattern is for photos"):
        run(housing, "homes.csv", patterns=("*.jpg",))
    with pytest.raises(DataError, match="there is no such input"):
        run(housing, "absent.csv")
    assert not (tmp_path / "out").exists()


def test_answers_stay_where_a_command_that_begins_anew_has_no_input(
    run: Run, quarters: BatchModel, housing: BatchModel, tmp_path: Path
) -> None:
    row = "surface_m2,rooms,property_type\n54,3,house\n"
    (tmp_path / "homes.csv").write_text(row)
    run(housing, "homes.csv")
    before = answers(tmp_path)
    for model, source in ((housing, "absent.csv"), (quarters, "absent")):
        with pytest.raises(DataError, match="there is no such input"):
            run(model, source, restart=True)
    assert answers(tmp_path) == before
