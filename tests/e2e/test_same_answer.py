"""One photo and one row have one answer: online, in a batch and in Spark; real data, real parts."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from support.real_data import data_for
from support.service import LiveService
from support.trained import REAL_FILES, train_package
from support.trained_photos import train_fruits
from vigie.cli.main import main
from vigie.registry.cache import ModelCache

CLOSE = 1e-4
PHOTOS, ROWS = 6, 40
PRICE = "price_usd"
# one Java for all commands: it takes longer to start than they take
SPARK = """
import shlex, sys
from vigie.cli.main import main
for command in sys.argv[1:]:
    main(["spark", *shlex.split(command)], standalone_mode=False)
"""


@dataclass(frozen=True)
class Made:
    """Two models of real data in a cache, what they are asked, and where answers go."""

    cache: ModelCache
    photos: Path
    table: Path
    rows: list[dict[str, Any]]
    folder: Path

    def package(self, name: str) -> str:
        cached = self.cache.champion(name)
        assert cached is not None
        return str(cached.root)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    data_for(REAL_FILES["king_county"])
    folder = tmp_path_factory.mktemp("same")
    cache, photos = ModelCache(folder / "cache"), folder / "photos"
    for name in ("photos", "scratch"):
        (folder / name).mkdir()
    with cache.lock("fruits") as incoming:
        fruits = train_fruits(incoming / "package", folder / "scratch")
        _install(cache, "fruits", incoming / "package", fruits.digest)
    for path in fruits.others[:: len(fruits.others) // PHOTOS][:PHOTOS]:
        (photos / path.parent.name).mkdir(exist_ok=True)
        shutil.copy(path, photos / path.parent.name)
    with cache.lock("king_county") as incoming:
        homes = train_package("king_county", incoming / "package")
        _install(cache, "king_county", incoming / "package", homes.digest)
    rows = homes.held_out.rows()[:ROWS]
    # one that training never saw
    rows[0]["zipcode"] = 99999
    names = [item.name for item in homes.plan.inputs]
    with (folder / "homes.csv").open("w", newline="", encoding="utf-8") as file:
        write = csv.DictWriter(file, ["id", *names])
        write.writeheader()
        write.writerows({"id": number, **row} for number, row in enumerate(rows))
    return Made(cache, photos, folder / "homes.csv", rows, folder)


def _install(cache: ModelCache, name: str, package: Path, digest: str) -> None:
    cache.install(name, package, digest, "1", "run1")
    cache.point(name, digest)


@pytest.fixture(scope="module")
def service(made: Made) -> Iterator[LiveService]:
    models = {"VIGIE_MODELS": "fruits,king_county", "VIGIE_WORKERS": "1"}
    service = LiveService(made.folder, made.cache.folder, **models)
    service.start()
    try:
        service.wait_ready()
        yield service
    finally:
        service.clean_up()


@pytest.fixture(scope="module")
def of_spark(made: Made) -> Path:
    """The folder with the outputs of all commands."""
    orders = {
        "answers": ("score", "fruits", made.photos, ""),
        "vectors": ("features", "fruits", made.photos, "--vector vector"),
        "prices": ("score", "king_county", made.table, ""),
    }
    commands = [
        f"{verb} {made.package(name)} --input {source} --output {made.folder / output} {more}"
        f" --master local[1] --conf spark.sql.shuffle.partitions=1"
        for output, (verb, name, source, more) in orders.items()
    ]
    quick = {"JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}
    done = subprocess.run(
        [sys.executable, "-c", SPARK, *commands], env=os.environ | quick, capture_output=True,
        text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return made.folder


def by(key: str, folder: Path) -> dict[str, dict[str, Any]]:
    rows = ds.dataset(folder, partitioning="hive").to_table().to_pylist()
    return {row[key]: row for row in rows}


def of_batch(made: Made, name: str, source: Path, target: str, *more: str) -> Path:
    words = ["batch", made.package(name), str(source), str(made.folder / target), *more]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    return made.folder / target


def test_a_photo_has_one_answer(made: Made, service: LiveService, of_spark: Path) -> None:
    words = ("photos.parquet", "--scores", "--recursive")
    table = pq.read_table(of_batch(made, "fruits", made.photos, *words))
    batch = {row["name"]: row for row in table.to_pylist()}
    answers = by("name", of_spark / "answers" / "answers")
    vectors = by("name", of_spark / "vectors" / "features")
    names = sorted(str(path.relative_to(made.photos)) for path in made.photos.rglob("*.jpg"))
    assert len(names) == PHOTOS
    assert sorted(batch) == sorted(answers) == sorted(vectors) == names
    labels = set()
    for name in names:
        body = (made.photos / name).read_bytes()
        said = service.ask("POST", "/predict/fruits", body, {"Content-Type": "image/jpeg"})
        (online,) = said.json()["predictions"]
        labels.add(online["label"])
        _check_photo(online, batch[name], answers[name])
        assert vectors[name]["vector"] == pytest.approx(online["vector"], abs=CLOSE)
    # photos that all had one answer would prove little
    assert len(labels) > 1


def _check_photo(
    online: Mapping[str, Any], batch: Mapping[str, Any], spark: Mapping[str, Any]
) -> None:
    assert online["label"] == batch["label"] == spark["prediction_label"]
    assert batch["score"] == pytest.approx(online["score"], abs=CLOSE)
    assert spark["prediction_score"] == pytest.approx(online["score"], abs=CLOSE)
    scores = {label: batch[f"score_{label}"] for label in online["scores"]}
    assert scores == pytest.approx(online["scores"], abs=CLOSE)
    assert batch["vector"] == pytest.approx(online["vector"], abs=CLOSE)
    assert spark["prediction_vector"] == pytest.approx(online["vector"], abs=CLOSE)
    similar = [one["similarity"] for one in online["neighbours"]]
    found = [one["similarity"] for one in spark["prediction_neighbours"]]
    assert found == pytest.approx(similar, abs=CLOSE)
    assert batch["nearest_similarity"] == pytest.approx(similar[0], abs=CLOSE)
    first, other = online["neighbours"][0], spark["prediction_neighbours"][0]
    assert first["photo"] == batch["nearest"] == other["photo"]
    assert online["warnings"] == spark["prediction_warnings"] == []


def test_a_row_has_one_answer(made: Made, service: LiveService, of_spark: Path) -> None:
    with of_batch(made, "king_county", made.table, "prices.csv").open(newline="") as file:
        batch = {row["id"]: row for row in csv.DictReader(file)}
    spark = by("id", of_spark / "prices" / "answers")
    online = service.predict("king_county", *made.rows).json()["predictions"]
    assert len(batch) == len(spark) == len(online) == ROWS
    assert len({row[PRICE] for row in online}) > ROWS / 2
    for number, row in enumerate(online):
        one, other = batch[str(number)], spark[str(number)]
        expected = [row[PRICE], *row["interval"]]
        for way in (one, other):
            found = [float(way[f"prediction{end}"]) for end in ("", "_lower", "_upper")]
            assert found == pytest.approx(expected, rel=CLOSE)
        assert other["prediction_warnings"] == row["warnings"]
    assert online[0]["warnings"]
