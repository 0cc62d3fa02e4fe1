"""Models that were not made here become packages that answer as they did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import yaml
from mlflow.models import Model

from support.saved_models import (
    LABELS,
    MEASURES,
    write_bigquery_model,
    write_estimator_model,
)
from vigie.engines.predictor import Predictor, open_predictor
from vigie.errors import DataError, RefusedPackage
from vigie.registry.gate.integrity import verify_package
from vigie.settings import Settings, load_settings
from vigie.training.imported.importing import Wanted, read_examples, words, write_imported
from vigie.training.imported.saved_model import check_saved_model
from vigie.training.imported.sources import fetch
from vigie.training.saved_model import write_saved_model

pytestmark = pytest.mark.filterwarnings("ignore")
COLUMNS = ("sepal_length", "sepal_width", "petal_length", "petal_width")
NUMBERS = np.random.default_rng(5).uniform(0, 8, (6, 4)).astype(np.float32)


def imported(source: Path, root: Path, **wanted: Any) -> Predictor:
    asked = Wanted("mine", **wanted)
    digest, _ = write_imported(source, asked, root, Model())
    return open_predictor(verify_package(root, digest, "mine", load_settings()))


def answers(predictor: Predictor, rows: list[dict[str, Any]]) -> np.ndarray:
    first = predictor.package.document.outputs[0].name
    return predictor.predict(predictor.decoder.decode(rows).columns).outputs[first]


def classifier() -> keras.Model:
    keras.utils.set_random_seed(3)
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8, activation="relu"),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )


def by_column(values: np.ndarray) -> list[dict[str, Any]]:
    return [dict(zip(COLUMNS, map(float, row), strict=True)) for row in values]


@pytest.fixture(scope="module", params=[".keras", ".h5"])
def flowers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    """The classifier from a file, its columns and labels named."""
    folder = tmp_path_factory.mktemp("flowers")
    source = folder / f"model{request.param}"
    classifier().save(source)
    return imported(source, folder / "package", columns=COLUMNS, labels=("a", "b", "c"))


HOMES = [{"size": s, "kind": k} for s, k in ((10.0, "flat"), (50.5, "house"), (3.25, "ÉTÉ"))]


@pytest.fixture(scope="module")
def homes_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SavedModel as BigQuery ML exports it."""
    source = tmp_path_factory.mktemp("homes") / "model"
    write_bigquery_model(source)
    return source


@pytest.fixture(scope="module")
def homes(homes_source: Path) -> Predictor:
    """That model, imported with rows of its owner."""
    return imported(homes_source, homes_source.parent / "package", examples=tuple(HOMES))


def test_a_keras_file_with_named_columns_and_labels(flowers: Predictor) -> None:
    document = flowers.package.document
    assert (document.task, document.labels, document.engine) == (
        "classification", ("a", "b", "c"), "onnx",
    )  # fmt: skip
    assert [item.name for item in document.inputs] == list(COLUMNS)
    expected = classifier()(NUMBERS).numpy()
    np.testing.assert_allclose(answers(flowers, by_column(NUMBERS)), expected, 1e-4, 1e-6)


def test_a_saved_model_of_keras_in_its_version_folder(tmp_path: Path) -> None:
    model = classifier()
    model.export(tmp_path / "served" / "3", verbose=False)
    source = fetch(str(tmp_path / "served"), tmp_path, Settings())
    assert source.name == "3"
    predictor = imported(source, tmp_path / "package")
    (item,) = predictor.package.document.inputs
    assert item.shape == (4,)
    assert predictor.package.document.task == "embedding"
    rows = [{item.name: row.tolist()} for row in NUMBERS]
    np.testing.assert_allclose(answers(predictor, rows), model(NUMBERS).numpy(), 1e-4, 1e-6)
    assert (tmp_path / "package/source/saved_model.pb").is_file()


def test_a_model_as_bigquery_ml_exports_it(homes: Predictor, homes_source: Path) -> None:
    document = homes.package.document
    assert (document.task, document.labels) == ("classification", LABELS)
    assert document.example == HOMES[0]
    original = tf.saved_model.load(str(homes_source)).signatures["serving_default"](
        size=tf.constant([row["size"] for row in HOMES], tf.float64),
        kind=tf.constant([row["kind"] for row in HOMES]),
    )["label_probs"]
    np.testing.assert_allclose(answers(homes, HOMES), original.numpy(), 1e-4, 1e-6)


def test_a_classifier_as_estimators_export_it(tmp_path: Path) -> None:
    write_estimator_model(tmp_path / "model")
    predictor = imported(tmp_path / "model", tmp_path / "package")
    document = predictor.package.document
    assert (document.task, document.labels) == ("classification", ("0", "1", "2"))
    assert [output.name for output in document.outputs] == ["probabilities", "logits"]
    rows = [dict(zip(MEASURES, map(float, row), strict=True)) for row in NUMBERS]
    found = predictor.predict(predictor.decoder.decode(rows).columns).outputs
    original = tf.saved_model.load(str(tmp_path / "model")).signatures["predict"](
        **{name: tf.constant(NUMBERS[:, place]) for place, name in enumerate(MEASURES)}
    )
    assert document.original is not None
    assert {one.name for one in document.original.outputs} == set(original)
    for one in document.original.outputs:
        made = one.of(found, found["probabilities"], document.labels)
        expected = original[one.name].numpy()
        if expected.dtype == object:
            assert made.tolist() == [[text.decode() for text in row] for row in expected]
        else:
            np.testing.assert_allclose(made, expected, 1e-4, 1e-5)


def test_a_signature_is_chosen_by_its_name(tmp_path: Path) -> None:
    write_estimator_model(tmp_path / "model", default=False)
    with pytest.raises(RefusedPackage, match="its signatures: first, second; choose one with"):
        imported(tmp_path / "model", tmp_path / "none")
    predictor = imported(tmp_path / "model", tmp_path / "package", signature="second")
    assert predictor.package.document.original is not None
    assert predictor.package.document.original.signature == "second"


def test_an_imported_saved_model_goes_out_as_it_came(
    homes: Predictor, homes_source: Path, tmp_path: Path
) -> None:
    folder = write_saved_model(homes.package.root, tmp_path / "served" / "1")
    original = (homes_source / "saved_model.pb").read_bytes()
    assert (folder / "saved_model.pb").read_bytes() == original


def test_what_onnx_cannot_do_is_served_by_tensorflow(tmp_path: Path) -> None:
    word = keras.Input((1,), name="word", dtype="string")
    number = keras.layers.Hashing(8)(word)
    wide = keras.layers.Flatten()(keras.layers.Embedding(8, 2)(number))
    chance = keras.layers.Dense(1, activation="sigmoid", name="chance")(wide)
    model = keras.Model(word, chance)
    model.save(tmp_path / "model.keras")
    predictor = imported(tmp_path / "model.keras", tmp_path / "package", labels=("no", "yes"))
    assert predictor.package.document.engine == "tensorflow"
    got = answers(predictor, [{"word": "a"}, {"word": "b"}])
    yes = model(tf.constant([["a"], ["b"]])).numpy()
    np.testing.assert_allclose(got, np.hstack([1 - yes, yes]), 1e-4, 1e-6)


def test_the_package_opens_in_mlflow_and_names_no_code(flowers: Predictor) -> None:
    root = flowers.package.root
    described = yaml.safe_load((root / "MLmodel").read_text())
    assert set(described["flavors"]) == {"keras"}
    from mlflow.keras import load_model

    inputs = {tensor.name: tensor.shape for tensor in load_model(str(root)).inputs}
    assert inputs == dict.fromkeys(COLUMNS, (None, 1))


def test_wrong_options_are_explained(tmp_path: Path) -> None:
    source = tmp_path / "model.keras"
    classifier().save(source)
    with pytest.raises(RefusedPackage, match="--columns names 2 columns, the model takes 4"):
        imported(source, tmp_path / "one", columns=("a", "b"))
    with pytest.raises(DataError, match="--labels names 2 labels, and the model answers 3 numbers"):
        imported(source, tmp_path / "two", labels=("a", "b"))


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("nowhere", "there is no nowhere"),
        ("ftp://host/model", "is not read"),
        ("gs://bucket/model.h5", "from this machine only"),
        ("models:/name", "write models:/NAME/VERSION"),
    ],
)
def test_sources_that_cannot_be_read(tmp_path: Path, source: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        fetch(source, tmp_path, Settings())


def test_a_folder_in_a_bucket_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # an address of this machine is read by the very code that reads buckets
    monkeypatch.setattr("vigie.training.imported.sources.SCHEMES", ("file",))
    remote = tmp_path / "remote" / "iris" / "2"
    remote.mkdir(parents=True)
    (remote / "saved_model.pb").write_bytes(b"graph")
    got = fetch(remote.parent.as_uri(), tmp_path / "here", Settings())
    assert (got.parent.name, got.name) == ("iris", "2")
    assert (got / "saved_model.pb").read_bytes() == b"graph"
    with pytest.raises(DataError, match="there is nothing at file://"):
        fetch((tmp_path / "nothing").as_uri(), tmp_path / "here", Settings())


def test_a_folder_or_file_that_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no saved_model\.pb"):
        fetch(str(tmp_path), tmp_path, Settings())
    (tmp_path / "model.pkl").write_bytes(b"")
    with pytest.raises(DataError, match="neither"):
        fetch(str(tmp_path / "model.pkl"), tmp_path, Settings())


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"\xff\xfe no graph", "is not a SavedModel"), (b"", "holds no model")],
)
def test_a_saved_model_file_without_a_model(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "saved_model.pb").write_bytes(content)
    with pytest.raises(RefusedPackage, match=reason):
        check_saved_model(tmp_path)


def test_examples_are_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([{"x": 1}]))
    assert read_examples(path) == ({"x": 1},)
    path.write_text("{}")
    with pytest.raises(DataError, match="a list of rows"):
        read_examples(path)
    assert words("a, b,") == ("a", "b")
    with pytest.raises(DataError, match="twice"):
        words("a,a")
