"""Models of TensorFlow that take photos, from every container, and large inputs of numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from vigie.engines.onnx import OnnxEngine
from vigie.models.reference_rows import Golden, with_arrays
from vigie.sandbox.keras_archive import check_keras_file
from vigie.training.imported.conversion import to_package
from vigie.training.imported.photos import PhotoOptions, Question
from vigie.training.imported.scaling import NAMED

pytestmark = pytest.mark.filterwarnings("ignore")
layers = keras.layers
SIZE = (24, 32)


def net(*first: Any, size: tuple[int | None, int | None] = SIZE) -> keras.Model:
    """A small convolutional network for three classes."""
    keras.utils.set_random_seed(4)
    return keras.Sequential(
        [
            keras.Input((*size, 3), name="image"), *first,
            layers.Conv2D(4, 3, strides=2), layers.BatchNormalization(), layers.ReLU(),
            layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax"),
        ]
    )  # fmt: skip


def converted(folder: Path, source: Path, **said: Any) -> tuple[dict[str, Any], np.ndarray]:
    """What the package says, and the photos that the model was tried on."""
    options = PhotoOptions(**said).to_dict()
    parts = to_package(folder, str(source), ("a", "b", "c"), (), (), options)
    golden = Golden(rows=parts["rows"], outputs=parts["answers"])
    rows = with_arrays(golden, folder / "golden.npz").rows
    return parts, np.stack([row["photo"] for row in rows])


CONTAINERS = [".keras", ".h5", "saved"]


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_network_of_every_container_gets_photos(tmp_path: Path, container: str) -> None:
    model, source = net(), tmp_path / f"net{container}"
    if container == "saved":
        model.export(source, verbose=False)
    else:
        model.save(source)
    parts, photos = converted(tmp_path, source, scaling=NAMED["imagenet-caffe"])
    (item,) = parts["inputs"]
    assert (item["dtype"], item["tensor"], item["shape"]) == ("image", "uint8", (*SIZE, 3))
    assert item["example"]["b64"]
    values = keras.applications.resnet50.preprocess_input(photos.astype(np.float32))
    expected = model(values).numpy()
    (output,) = OnnxEngine(tmp_path / "model.onnx").run({"photo": photos}).values()
    np.testing.assert_allclose(output, expected, 1e-4, 1e-6)
    if container != "saved":
        # what is kept beside the graph takes the same photos, and Keras' safe mode takes it
        check_keras_file(tmp_path / "model.keras")
        kept = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
        np.testing.assert_allclose(kept({"photo": photos}).numpy(), expected, 1e-4, 1e-6)


def test_a_scaling_of_its_own_is_certain_and_a_size_must_be_given(tmp_path: Path) -> None:
    source = tmp_path / "net.keras"
    model = net(layers.Rescaling(1 / 255), size=(None, None))
    model.save(source)
    question = to_package(tmp_path, str(source), (), (), ())["question"]
    asked = Question.from_dict(question)
    assert (asked.size, asked.wants_scaling) == (None, False)
    parts, photos = converted(tmp_path, source, size=SIZE)
    assert parts["scaling"]["name"] == "none"
    assert "Rescaling" in parts["sign"]
    (output,) = OnnxEngine(tmp_path / "model.onnx").run({"photo": photos}).values()
    np.testing.assert_allclose(output, model(photos.astype(np.float32)).numpy(), 1e-4, 1e-6)


def test_large_inputs_of_numbers_lie_in_arrays(tmp_path: Path) -> None:
    source = tmp_path / "net.keras"
    model = net()
    model.save(source)
    parts = to_package(tmp_path, str(source), (), (), (), PhotoOptions(as_numbers=True).to_dict())
    (item,) = parts["inputs"]
    assert (item["name"], item["dtype"], item["shape"]) == ("image", "float32", (*SIZE, 3))
    assert parts["rows"] == [{}] * 8
    golden = Golden(rows=parts["rows"], outputs=parts["answers"])
    values = [row["image"] for row in with_arrays(golden, tmp_path / "golden.npz").rows]
    (answers,) = parts["answers"].values()
    np.testing.assert_allclose(answers, model(np.stack(values)).numpy(), 1e-4, 1e-6)
