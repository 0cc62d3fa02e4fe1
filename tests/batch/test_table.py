from __future__ import annotations

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner

from support.packages import (
    HOUSING_ROWS,
    housing_document,
    housing_graph,
    install,
    iris_document,
    iris_graph,
    write_package,
)
from vigie.batch.table import score_table
from vigie.batch.table_answers import Score
from vigie.batch.table_parts import PART_BYTES
from vigie.cli.main import main
from vigie.engines.predictor import Predictor, open_predictor
from vigie.errors import DataError
from vigie.models.package import read_package
from vigie.registry.cache import ModelCache

HEADER = "id,surface_m2,rooms,property_type\n"
GOOD = "a,54,3,apartment\n"


@pytest.fixture
def predictor(tmp_path: Path) -> Predictor:
    root = tmp_path / "package"
    digest = write_package(root, housing_document(), housing_graph(), HOUSING_ROWS)
    return open_predictor(read_package(root, digest))


def _score(predictor: Predictor, folder: Path, text: str) -> tuple[Score, list[dict[str, str]]]:
    (folder / "in.csv").write_text(text, encoding="utf-8")
    score = score_table(predictor, folder / "in.csv", folder / "out.csv")
    with (folder / "out.csv").open(encoding="utf-8", newline="") as file:
        return score, list(csv.DictReader(file))


def test_answers_are_those_of_the_model(predictor: Predictor, tmp_path: Path) -> None:
    score, (row,) = _score(predictor, tmp_path, HEADER + GOOD)
    decoded = predictor.decoder.decode(
        [{"surface_m2": 54, "rooms": 3, "property_type": "apartment"}]
    )
    name = predictor.package.document.outputs[0].name
    expected = predictor.predict(decoded.columns).outputs[name][0]
    assert score == Score(1, 0)
    assert row["id"] == "a"
    assert float(row["prediction"]) == float(expected)
    assert row["prediction_error"] == ""


def test_a_wrong_row_stays_with_its_reason(predictor: Predictor, tmp_path: Path) -> None:
    text = HEADER + GOOD + "b,many,3,apartment\n" + "c,60,2,apartment\n"
    score, rows = _score(predictor, tmp_path, text)
    assert score == Score(2, 1)
    assert [row["id"] for row in rows] == ["a", "b", "c"]
    assert rows[1]["prediction"] == ""
    assert "surface_m2: expected" in rows[1]["prediction_error"]
    assert "many" not in rows[1]["prediction_error"]
    alone = _score(predictor, tmp_path, HEADER + "c,60,2,apartment\n")[1][0]
    assert rows[2] == alone


def test_many_rows_keep_their_order(predictor: Predictor, tmp_path: Path) -> None:
    lines = [f"{n},{20 + n % 100},2,apartment\n" for n in range(PART_BYTES // 5)]
    number = len(lines)
    score, rows = _score(predictor, tmp_path, HEADER + "".join(lines))
    assert score == Score(number, 0)
    assert [int(row["id"]) for row in rows] == list(range(number))
    by_surface = {row["surface_m2"]: row["prediction"] for row in rows}
    assert len(by_surface) == 100
    assert all(by_surface[row["surface_m2"]] == row["prediction"] for row in rows)


def test_a_classifier_writes_label_and_score(tmp_path: Path) -> None:
    flower = {
        "sepal_length_cm": 5.1, "sepal_width_cm": 3.5, "petal_length_cm": 1.4, "petal_width_cm": 0.2
    }  # fmt: skip
    root = tmp_path / "package"
    digest = write_package(root, iris_document(), iris_graph(), [flower])
    predictor = open_predictor(read_package(root, digest))
    text = ",".join(flower) + "\n" + ",".join(map(str, flower.values())) + "\n"
    score, (row,) = _score(predictor, tmp_path, text)
    assert score == Score(1, 0)
    assert row["prediction"] in predictor.package.document.labels
    assert 0 < float(row["prediction_score"]) <= 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the table is empty"),
        ("id,rooms\na,3\n", "no column surface_m2"),
        ("id,id\n1,2\n", "the column id twice"),
        ("surface_m2,prediction\n54,1\n", "a column prediction already"),
        (HEADER + "a,54\n", "not as many cells"),
        (HEADER + "a,54,3,apartment,5\n", "not as many cells"),
        (HEADER + 'a,"54,3,apartment\n', "is not CSV"),
    ],
)
def test_what_is_no_table_leaves_no_target(
    predictor: Predictor, tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(DataError, match=words):
        _score(predictor, tmp_path, text)
    assert not (tmp_path / "out.csv").exists()
    assert not list(tmp_path.glob(".*"))


def test_a_table_that_is_not_utf8(predictor: Predictor, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(HEADER.encode() + b"\xff,54,3,apartment\n")
    with pytest.raises(DataError, match="not UTF-8"):
        score_table(predictor, tmp_path / "in.csv", tmp_path / "out.csv")


def test_the_command(tmp_path: Path) -> None:
    cache = ModelCache(tmp_path / "cache")
    install(cache, "housing")
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(HEADER + GOOD + "b,,3,apartment\n")
    environment = {"VIGIE_CACHE": str(cache.folder)}
    words = ["batch", "housing", str(source), str(target)]
    done = CliRunner().invoke(main, words, env=environment)
    assert (done.exit_code, done.output) == (1, "housing 1: 1 rows answered, 1 refused\n")
    source.write_text(HEADER + GOOD)
    assert CliRunner().invoke(main, words, env=environment).exit_code == 0
    words[1] = "unknown"
    done = CliRunner().invoke(main, words, env=environment)
    assert done.exit_code == 2
    assert "the cache has no unknown" in done.output
