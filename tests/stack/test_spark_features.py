"""Features of photos over several runs: resumed, reduced, stored elsewhere."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from sklearn.decomposition import PCA

from support.photos import photo_bytes, write_photos
from support.quarters_package import FEATURES
from support.spark import uri
from support.spark_features import Run, rows_of, vectors_of
from vigie.errors import DataError
from vigie.spark.features import FeaturesOrder
from vigie.spark.pca import PCAOrder

pytestmark = pytest.mark.usefixtures("collected")


def test_only_what_is_new_is_computed_and_the_result_is_that_of_one_run(
    run_features: Run, features_order: FeaturesOrder, tmp_path: Path
) -> None:
    folder = tmp_path / "photos" / "red"
    folder.mkdir(parents=True)
    for number in range(12):
        (folder / f"{number}.jpg").write_bytes(photo_bytes("red", seed=number))
    assert run_features(features_order).computed == 12
    assert run_features(features_order).computed == 0
    for number in (12, 13):
        (folder / f"{number}.jpg").write_bytes(photo_bytes("red", seed=number))
    (folder / "0.jpg").write_bytes(photo_bytes("blue"))
    (folder / "1.jpg").unlink()
    done = run_features(features_order)
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
    again = run_features(features_order)
    assert 0 < again.computed < 13
    assert not begun.exists()
    fresh = run_features(replace(features_order, output=uri(tmp_path / "fresh")))
    assert fresh.computed == 13
    assert vectors_of(tmp_path / "out") == vectors_of(tmp_path / "fresh")


def test_a_pca_is_that_of_scikit_learn_and_is_applied_again(
    run_features: Run, features_order: FeaturesOrder, tmp_path: Path
) -> None:
    folder = tmp_path / "photos" / "all"
    folder.mkdir(parents=True)
    for number in range(30):
        colour = ("red", "green", "blue")[number % 3]
        (folder / f"{number}.jpg").write_bytes(photo_bytes(colour, seed=number))
    done = run_features(replace(features_order, pca=PCAOrder(variance=0.95)))
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
    saved_one = replace(features_order, output=uri(tmp_path / "other"))
    run_features(replace(saved_one, pca=PCAOrder(saved=features_order.output)))
    other = rows_of(tmp_path / "other")
    assert all(other[row["name"]]["reduced"] == row["reduced"] for row in rows)
    with pytest.raises(DataError, match="--components 13 is too many: 30 photos of 12 features"):
        run_features(replace(features_order, pca=PCAOrder(components=13)))


def test_the_pca_of_an_output_outlives_that_it_begins_anew(
    run_features: Run, features_order: FeaturesOrder, tmp_path: Path
) -> None:
    write_photos(tmp_path / "photos" / "all", 4)
    run_features(replace(features_order, pca=PCAOrder(components=2)))
    before = (tmp_path / "out" / "pca" / "pca.json").read_bytes()
    # however it is named, and a second time as well
    for folder in ("out", "out/pca", "./out/pca"):
        saved = PCAOrder(saved=f"file:{tmp_path}/{folder}")
        done = run_features(replace(features_order, pca=saved, restart=True))
        assert (done.components, done.computed) == (2, 12)
        assert (tmp_path / "out" / "pca" / "pca.json").read_bytes() == before
    assert all(len(row["reduced"]) == 2 for row in rows_of(tmp_path / "out").values())


def test_another_storage_gives_the_same_vectors(
    run_features: Run, features_order: FeaturesOrder, tmp_path: Path
) -> None:
    folder = tmp_path / "photos" / "a"
    folder.mkdir(parents=True)
    for number in range(6):
        (folder / f"{number}.jpg").write_bytes(photo_bytes("red", seed=number))
    (folder / "broken.jpg").write_bytes(b"")
    run_features(features_order)
    there = f"viewfs://store{tmp_path}"
    done = run_features(replace(features_order, source=f"{there}/photos", output=f"{there}/out2"))
    assert (done.read, done.quarantined, done.computed) == (7, 1, 7)
    assert vectors_of(tmp_path / "out") == vectors_of(tmp_path / "out2")
    assert os.listdir(tmp_path / "out2")  # noqa: PTH208
