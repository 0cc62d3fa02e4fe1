"""A package beside a model that MLflow logged: what is taken, what is refused, what is told."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import mlflow
import numpy as np
import orjson
import pytest
from mlflow.models import infer_signature

from vigie.engines.predictor import open_predictor
from vigie.errors import RefusedPackage
from vigie.models.manifest import file_digest, verify_manifest
from vigie.models.package import read_package
from vigie.registry.package_maker import Made
from vigie.sandbox.run import Limits
from vigie.settings import load_settings
from vigie.training.imported.in_place import add_package, explain, main
from vigie.training.imported.logged_conversion import to_package
from vigie.training.imported.photos import PhotoOptions
from vigie.training.imported.scaling import NAMED
from vigie.training.saved_model import write_saved_model

pytestmark = pytest.mark.filterwarnings("ignore")

X = {"age": np.array([40, 25, 61]), "annual income": np.array([3e4, 5.2e4, 1.8e4])}
VECTORS = np.column_stack(list(X.values()))
Save = Callable[..., Path]


def network(*tail: keras.layers.Layer) -> keras.Model:
    scale = keras.layers.Normalization(mean=[40, 35000], variance=[100, 1e8])
    return keras.Sequential([keras.Input((2,)), scale, *tail, keras.layers.Dense(1)])


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Writes the files that `mlflow.keras.log_model` uploads."""

    def write(model: keras.Model, inputs: Any = X, **more: Any) -> Path:
        root = tmp_path / "version"
        signature = infer_signature(inputs, np.array([1.0])) if inputs is not None else None
        mlflow.keras.save_model(
            model, str(root), signature=signature, pip_requirements=["keras"], **more
        )
        return root

    return write


def add(root: Path, **limits: Any) -> Made:
    return add_package(root, "churn", False, load_settings(), Limits(**limits))


def digests(root: Path) -> dict[str, str]:
    """The sha256 of every file that is the user's own."""
    files = (path for path in root.rglob("*") if path.is_file())
    names = {path.relative_to(root).as_posix(): path for path in files}
    return {name: file_digest(path) for name, path in names.items() if name[:6] != "vigie/"}


def test_the_package_lies_beside_what_was_logged_and_answers_alike(save: Save) -> None:
    model = network(keras.layers.Dense(4, activation="relu"))
    root = save(model)
    before = digests(root)
    made = add(root)
    assert digests(root) == before
    assert made.files == tuple(
        f"vigie/{name}"
        for name in ("golden.json", "manifest.json", "model.keras", "model.onnx", "package.json")
    )
    verify_manifest(root, made.digest)
    package = read_package(root, made.digest)
    assert [(i.name, i.label, i.dtype) for i in package.document.inputs] == [
        ("age", "age", "int64"), ("annual_income", "annual income", "float32"),
    ]  # fmt: skip
    assert package.document.provenance.imported
    assert package.document.provenance.made_up_rows
    columns = {"age": X["age"].tolist(), "annual_income": X["annual income"].tolist()}
    expected = model(VECTORS).numpy().ravel()
    for engine in ("onnx", "tensorflow"):
        (found,) = open_predictor(package, engine).predict(columns).outputs.values()
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_model_that_has_the_inputs_itself_is_not_kept_twice(save: Save, tmp_path: Path) -> None:
    named = {name: keras.Input((1,), name=name) for name in ("age", "income")}
    joined = keras.layers.Concatenate()(list(named.values()))
    model = keras.Model(named, keras.layers.Dense(1, name="score")(joined))
    root = save(model, {name: np.ones((3, 1), np.float32) for name in named})
    made = add(root)
    assert "vigie/model.keras" not in made.files
    package = read_package(root, made.digest)
    assert package.keras_path == root / "data/model.keras"
    package_of = open_predictor(package, "tensorflow")
    answers = package_of.predict({"age": [1.0], "income": [2.0]})
    assert answers.outputs["score"] == pytest.approx(model(
        {"age": np.ones((1, 1)), "income": np.full((1, 1), 2.0)}).numpy().ravel(), abs=1e-5
    )  # fmt: skip
    exported = write_saved_model(root, tmp_path / "served/1")
    assert (exported / "saved_model.pb").is_file()


def test_a_saved_model_is_taken_and_goes_out_as_it_came(save: Save, tmp_path: Path) -> None:
    root = save(network(), VECTORS.astype(np.float32), save_exported_model=True)
    made = add(root)
    assert "vigie/model.keras" not in made.files
    (item,) = read_package(root, made.digest).document.inputs
    assert item.shape == (2,)
    exported = write_saved_model(root, tmp_path / "served/1")
    original = (root / "data/model/saved_model.pb").read_bytes()
    assert (exported / "saved_model.pb").read_bytes() == original


def photo_net() -> keras.Model:
    """Pixels to a number, by their mean."""
    pool = keras.layers.GlobalAveragePooling2D()
    return keras.Sequential([keras.Input((20, 24, 3), name="x"), pool, keras.layers.Dense(1)])


def test_photos_stay_numbers_unless_a_tag_states_their_scaling(save: Save, tmp_path: Path) -> None:
    model = photo_net()
    root = save(model, np.ones((1, 20, 24, 3), np.float32))
    work = tmp_path / "work"
    work.mkdir()
    (item,) = to_package(work, str(root), PhotoOptions(asks=False).to_dict())["inputs"]
    assert (item["name"], item["dtype"], item["shape"]) == ("x", "float32", (20, 24, 3))
    photos = PhotoOptions(NAMED["unit"], asks=False)
    made = add_package(root, "churn", False, load_settings(), Limits(), photos)
    package = read_package(root, made.digest)
    (item,) = package.document.inputs
    assert (item.name, item.dtype) == ("photo", "image")
    assert "unit" in package.document.provenance.source
    pixels = np.stack([row["photo"] for row in package.golden.rows])
    for engine in ("onnx", "tensorflow"):
        (found,) = open_predictor(package, engine).predict({"photo": list(pixels)}).outputs.values()
        np.testing.assert_allclose(found, model(pixels / 255.0).numpy().ravel(), 1e-4, 1e-5)


def test_rows_of_example_become_golden_rows(save: Save) -> None:
    root = save(network(), None)
    table = {"columns": ["age", "income"], "data": [[40, 3e4], [None, 1.0], [25, 5.2e4]]}
    (root / "input_example.json").write_text(json.dumps(table))
    package = read_package(root, add(root).digest)
    assert package.golden.rows == ({"age": 40, "income": 3e4}, {"age": 25, "income": 5.2e4})
    assert package.document.example == {"age": 40, "income": 3e4}
    assert not package.document.provenance.made_up_rows


@pytest.mark.parametrize("name", ["data/custom_objects.cloudpickle", "code/own.py"])
def test_code_is_refused_before_anything_is_opened(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir()
    path.write_bytes(b"print('never run')")
    with pytest.raises(RefusedPackage, match=f"{path.name}, which is never opened"):
        add(tmp_path)
    assert not (tmp_path / "vigie").exists()


def test_a_loader_of_somebodys_own_is_refused(save: Save) -> None:
    root = save(network())
    text = (root / "MLmodel").read_text().replace("mlflow.keras", "own.loader")
    (root / "MLmodel").write_text(text)
    with pytest.raises(RefusedPackage, match="names a module to import"):
        add(root)


def test_a_layer_of_somebodys_own_is_refused(save: Save) -> None:
    root = save(network(keras.layers.Lambda(lambda x: x * 2, output_shape=(2,))))
    with pytest.raises(RefusedPackage, match=r"names .*Lambda, which is not allowed"):
        add(root)


def test_a_folder_of_ours_that_no_import_has_made_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "vigie").mkdir()
    with pytest.raises(RefusedPackage, match="that no import has made"):
        add(tmp_path)


def test_a_model_that_needs_more_than_it_may_have_is_refused(save: Save) -> None:
    with pytest.raises(RefusedPackage, match=r"it crashes|more memory|want of memory"):
        add(save(network()), memory_bytes=2**20)


def test_a_model_without_end_is_refused(save: Save) -> None:
    with pytest.raises(RefusedPackage, match="longer than 1 s"):
        add(save(network()), seconds=1)


def test_the_process_writes_what_came_of_its_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("VIGIE_")]:
        monkeypatch.delenv(name)
    root = tmp_path / "version"
    (root / "tf2model").mkdir(parents=True)
    (root / "own.py").write_text("")
    order = {"root": str(root), "name": "churn", "begun": False, "limits": {}}
    (tmp_path / "order.json").write_bytes(orjson.dumps(order))
    main(tmp_path)
    refused = orjson.loads((tmp_path / "result.json").read_bytes())["refused"]
    assert refused.startswith("the package holds code or a pickle: own.py, which is never opened.")
    assert 'saved_model_kwargs={"signatures": module.__call__' in refused


def test_a_tag_that_names_no_scaling_is_told_as_one(tmp_path: Path) -> None:
    order = {"root": str(tmp_path), "name": "churn", "begun": False, "limits": {}}
    (tmp_path / "order.json").write_bytes(orjson.dumps(order | {"scaling": "tiny"}))
    main(tmp_path)
    refused = orjson.loads((tmp_path / "result.json").read_bytes())["refused"]
    assert refused.startswith("its tags vigie.scaling and vigie.size: there is no scaling 'tiny'")
    assert "Log it again" not in refused


def test_a_reason_comes_with_the_line_that_mends_it(tmp_path: Path) -> None:
    told = explain(
        "it answers with a y that is not finite; give rows with --examples", tmp_path, "a"
    )
    assert told.startswith("it answers with a y that is not finite. Log it again: vigie.log_model(")
    assert "signature=infer_signature({c: X[c].to_numpy() for c in X}, y)" in told
