from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from rich.console import Console
from sklearn.decomposition import PCA

from support.broken_photos import write_many
from support.colours_package import colours_document
from support.packages import housing_document
from support.photos import photo_bytes, write_photos
from support.quarters_package import FEATURES
from support.spark import uri
from vigie.batch.photo_scorer import PhotoScorer
from vigie.errors import DataError
from vigie.models.document import PackageDocument
from vigie.models.photo_folder import PhotoFolder
from vigie.models.photo_names import written_name
from vigie.registry.reference import BatchModel
from vigie.spark.features import FeaturesOrder, FeaturesSummary, compute_features, vector_of
from vigie.spark.pca import PCAOrder

Run = Callable[..., FeaturesSummary]


@pytest.fixture
def order(tmp_path: Path) -> FeaturesOrder:
    return FeaturesOrder(uri(tmp_path / "photos"), uri(tmp_path / "out"))


@pytest.fixture
def run(spark: SparkSession, quarters: BatchModel, tmp_path: Path, console: Console) -> Run:
    def run(order: FeaturesOrder) -> FeaturesSummary:
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        return compute_features(spark, quarters, order, scratch, console)

    return run


def rows_of(output: Path, table: str = "features") -> dict[str, dict[str, Any]]:
    # by pyarrow: what is written is plain Parquet for others too
    found = ds.dataset(output / table, partitioning="hive").to_table().to_pylist()
    return {row["name"]: row for row in found}


def vectors_of(output: Path) -> dict[str, bytes]:
    rows = rows_of(output).values()
    return {row["name"]: np.array(row["vector"], np.float32).tobytes() for row in rows}


def test_photos_become_vectors_by_label_and_what_is_broken_is_set_apart(
    run: Run, order: FeaturesOrder, quarters: BatchModel, tmp_path: Path
) -> None:
    broken = write_many(tmp_path / "photos" / "Granny Smith, 100%", 66, 6)
    (tmp_path / "photos" / "loose.jpg").write_bytes(photo_bytes("red"))
    done = run(order)
    assert (done.read, done.written, done.quarantined) == (67, 67 - broken, broken)
    features, quarantine = (rows_of(tmp_path / "out", n) for n in ("features", "quarantine"))
    names = PhotoFolder(tmp_path / "photos", recursive=True).names()
    assert features.keys() | quarantine.keys() == set(map(written_name, names))
    assert not features.keys() & quarantine.keys()
    # what a batch says of the very same files
    scorer = PhotoScorer(quarters.predictor, tmp_path / "photos")
    for name in names:
        told = scorer._read(name)
        if isinstance(told, str):
            assert quarantine[written_name(name)]["reason"] == told
        else:
            answer = quarters.predictor.predict({"photo": [told]}).outputs["features"][0]
            found = np.array(features[written_name(name)]["vector"], np.float32)
            assert found.tobytes() == answer.astype(np.float32).tobytes()
    labels = {path.name for path in (tmp_path / "out" / "features").iterdir() if path.is_dir()}
    assert labels == {"label=Granny Smith, 100%25", "label=__HIVE_DEFAULT_PARTITION__"}
    told = json.loads((tmp_path / "out" / "_vigie.json").read_text())
    assert told["state"] == "done"
    assert told["counts"]["computed"] == 67


def test_only_what_is_new_is_computed_and_the_result_is_that_of_one_run(
    run: Run, order: FeaturesOrder, tmp_path: Path
) -> None:
    folder = tmp_path / "photos" / "red"
    folder.mkdir(parents=True)
    for number in range(12):
        (folder / f"{number}.jpg").write_bytes(photo_bytes("red", seed=number))
    assert run(order).computed == 12
    assert run(order).computed == 0
    for number in (12, 13):
        (folder / f"{number}.jpg").write_bytes(photo_bytes("red", seed=number))
    (folder / "0.jpg").write_bytes(photo_bytes("blue"))
    (folder / "1.jpg").unlink()
    done = run(order)
    assert (done.read, done.written, done.computed) == (13, 13, 3)
    # a run that was stopped: one task of it is done, another had begun
    parts = list((tmp_path / "out" / "_parts").rglob("part-*.parquet"))
    # of the last run: what the first wrote may all be of photos that are gone by now
    filled = [path for path in parts if pq.read_metadata(path).num_rows]
    part = max(filled, key=lambda path: path.stat().st_mtime_ns)
    for one in parts:
        if one != part:
            one.unlink()
    begun = part.parent / "_temporary" / "0" / "task" / part.name
    begun.parent.mkdir(parents=True)
    begun.write_bytes(part.read_bytes()[:100])
    again = run(order)
    assert 0 < again.computed < 13
    assert not begun.exists()
    fresh = run(replace(order, output=uri(tmp_path / "fresh")))
    assert fresh.computed == 13
    assert vectors_of(tmp_path / "out") == vectors_of(tmp_path / "fresh")


def test_a_pca_is_that_of_scikit_learn_and_is_applied_again(
    run: Run, order: FeaturesOrder, tmp_path: Path
) -> None:
    folder = tmp_path / "photos" / "all"
    folder.mkdir(parents=True)
    for number in range(30):
        colour = ("red", "green", "blue")[number % 3]
        (folder / f"{number}.jpg").write_bytes(photo_bytes(colour, seed=number))
    done = run(replace(order, pca=PCAOrder(variance=0.95)))
    rows = list(rows_of(tmp_path / "out").values())
    vectors = np.array([row["vector"] for row in rows])
    expected = PCA().fit(vectors)
    told = json.loads((tmp_path / "out" / "pca" / "pca.json").read_text())
    shares = np.cumsum(expected.explained_variance_ratio_)
    assert done.components == told["components"] == int(np.searchsorted(shares, 0.95)) + 1 > 1
    assert told["centred"] is False
    np.testing.assert_allclose(told["spectrum"], expected.explained_variance_ratio_, atol=1e-4)
    np.testing.assert_allclose(told["mean"], vectors.mean(0), atol=1e-6)
    size = done.components
    saved = ds.dataset(tmp_path / "out" / "pca" / "data").to_table().to_pylist()[0]["pc"]
    found = np.array(saved["values"]).reshape(size, FEATURES)
    signs = np.sign((found * expected.components_[:size]).sum(1))
    np.testing.assert_allclose(found * signs[:, None], expected.components_[:size], atol=1e-4)
    # Spark projects without taking the mean off
    reduced = np.array([row["reduced"] for row in rows]) - np.array(told["mean"]) @ found.T
    np.testing.assert_allclose(reduced * signs, expected.transform(vectors)[:, :size], atol=1e-4)
    assert (tmp_path / "out" / "pca" / "scree.png").read_bytes().startswith(b"\x89PNG")
    saved_one = replace(order, output=uri(tmp_path / "other"))
    run(replace(saved_one, pca=PCAOrder(saved=order.output)))
    other = rows_of(tmp_path / "other")
    assert all(other[row["name"]]["reduced"] == row["reduced"] for row in rows)
    with pytest.raises(DataError, match="--components 13 is too many: 30 photos of 12 features"):
        run(replace(order, pca=PCAOrder(components=13)))


@pytest.mark.parametrize("folder", ["out", "out/pca", "./out/pca"])
def test_the_pca_of_an_output_outlives_that_it_begins_anew(
    run: Run, order: FeaturesOrder, tmp_path: Path, folder: str
) -> None:
    write_photos(tmp_path / "photos" / "all", 4)
    run(replace(order, pca=PCAOrder(components=2)))
    before = (tmp_path / "out" / "pca" / "pca.json").read_bytes()
    saved = PCAOrder(saved=f"file:{tmp_path}/{folder}")
    for _ in range(2):
        done = run(replace(order, pca=saved, restart=True))
        assert (done.components, done.computed) == (2, 12)
    assert (tmp_path / "out" / "pca" / "pca.json").read_bytes() == before
    assert all(len(row["reduced"]) == 2 for row in rows_of(tmp_path / "out").values())


def test_another_order_over_an_output_is_refused(
    run: Run, order: FeaturesOrder, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"no photo")
    done = run(order)
    assert (done.read, done.written, done.quarantined) == (1, 0, 1)
    with pytest.raises(DataError, match="begun with another choice of photos; --restart"):
        run(replace(order, patterns=("*.jpg",)))
    assert run(replace(order, patterns=("*.jpg",), restart=True)).read == 1


def test_an_input_below_a_folder_that_is_not_of_vigie_is_never_deleted(
    run: Run, order: FeaturesOrder, tmp_path: Path
) -> None:
    write_photos(tmp_path / "features")
    for way in (uri(tmp_path), f"viewfs://store{tmp_path}"):
        source = f"{way}//pca/../features"
        with pytest.raises(DataError, match="the input lies in the folder features of OUTPUT"):
            run(replace(order, source=source, output=way, restart=True))
    write_photos(tmp_path / "photos")
    with pytest.raises(DataError, match="OUTPUT has other files, such as features"):
        run(replace(order, output=uri(tmp_path), source=uri(tmp_path / "photos"), restart=True))
    assert len(list((tmp_path / "features").iterdir())) == 3


def test_the_output_that_is_written() -> None:
    def document(**parts: Any) -> PackageDocument:
        return PackageDocument.model_validate(colours_document() | parts)

    def outputs(*names: str) -> list[dict[str, Any]]:
        return [{"name": n, "label": n, "tensor": n, "shape": [3]} for n in names]

    scores = document(outputs=outputs("probabilities", "vector", "features"))
    assert vector_of(scores, None) == "features"
    assert vector_of(scores, "vector") == "vector"
    assert vector_of(document(outputs=outputs("probabilities", "other")), None) == "other"
    embedding: dict[str, Any] = {"task": "embedding", "labels": []}
    assert vector_of(document(**embedding, outputs=outputs("vector")), None) == "vector"
    with pytest.raises(DataError, match="has the vectors a, b: give --vector"):
        vector_of(document(**embedding, outputs=outputs("a", "b")), None)
    with pytest.raises(DataError, match="colours answers no vector"):
        vector_of(document(), None)
    with pytest.raises(DataError, match="has no output x; it has probabilities"):
        vector_of(document(), "x")
    with pytest.raises(DataError, match="housing answers no vector"):
        vector_of(PackageDocument.model_validate(housing_document()), None)


def test_another_storage_gives_the_same_vectors(
    run: Run, order: FeaturesOrder, tmp_path: Path
) -> None:
    folder = tmp_path / "photos" / "a"
    folder.mkdir(parents=True)
    for number in range(6):
        (folder / f"{number}.jpg").write_bytes(photo_bytes("red", seed=number))
    (folder / "broken.jpg").write_bytes(b"")
    run(order)
    there = f"viewfs://store{tmp_path}"
    done = run(replace(order, source=f"{there}/photos", output=f"{there}/out2"))
    assert (done.read, done.quarantined, done.computed) == (7, 1, 7)
    assert vectors_of(tmp_path / "out") == vectors_of(tmp_path / "out2")
    assert os.listdir(tmp_path / "out2")  # noqa: PTH208
