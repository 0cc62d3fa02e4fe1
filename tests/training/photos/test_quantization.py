"""An int8 graph is served where it costs at most a point of accuracy, and both figures are told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from mlflow.models import Model

from support.drawn_photos import LABELS, draw_folder
from support.photos import photo_input
from vigie.engines.onnx import OnnxEngine
from vigie.engines.predictor import open_predictor
from vigie.errors import RefusedPackage
from vigie.models.document import Quantization
from vigie.models.package import read_package
from vigie.recipes.photos.files import find_photos
from vigie.recipes.photos.spec import PhotosSpec
from vigie.training.graph.quantized import Int8Graph
from vigie.training.network import KerasNetwork
from vigie.training.packaging import Trained, write_package
from vigie.training.photos import quantization
from vigie.training.photos.photo_reader import read_photos
from vigie.training.photos.photo_set import PhotoSet
from vigie.training.photos.quantization import Int8Trial, quantization_lines, try_int8
from vigie.training.plan import Plan, Target

ITEM = photo_input(32)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> PhotoSet:
    folder = tmp_path_factory.mktemp("drawn")
    files = find_photos(PhotosSpec(), (draw_folder(folder / "photos", 10),), lambda text: None)
    return read_photos(files, ITEM, "drawn", folder, lambda text: None)


@pytest.fixture(scope="module")
def network(photos: PhotoSet) -> KerasNetwork:
    """A small network that has learnt for a moment."""
    keras.utils.set_random_seed(3)
    photo = keras.Input(ITEM.shape, name="photo", dtype="uint8")
    hidden = keras.layers.Rescaling(1 / 255)(photo)
    for width in (16, 32):
        hidden = keras.layers.Conv2D(width, 3, 2, activation="relu")(hidden)
    flat = keras.layers.GlobalAveragePooling2D()(hidden)
    scores = keras.layers.Dense(len(LABELS), "softmax", name="probabilities")(flat)
    model = keras.Model({"photo": photo}, scores)
    model.compile("adam", "sparse_categorical_crossentropy")
    truth = np.searchsorted(LABELS, photos.labels.astype(str))
    pixels = photos.pixels(np.arange(len(photos)))
    model.fit({"photo": keras.ops.convert_to_tensor(pixels)}, truth, epochs=3, verbose=0)
    return KerasNetwork(model, (ITEM,))


@pytest.fixture(scope="module")
def trial(
    network: KerasNetwork, photos: PhotoSet, tmp_path_factory: pytest.TempPathFactory
) -> Int8Trial:
    return try_int8(network, LABELS, photos, photos, tmp_path_factory.mktemp("int8"))


def test_both_graphs_are_asked_the_held_out_photos(
    trial: Int8Trial, network: KerasNetwork, photos: PhotoSet
) -> None:
    pixels = {"photo": photos.pixels(np.arange(len(photos)))}
    exact = np.asarray(network.model.predict_on_batch(pixels)).argmax(axis=1)
    truth = np.searchsorted(LABELS, photos.labels.astype(str))
    figures = trial.graph.figures
    assert figures.accuracy_float == pytest.approx((exact == truth).mean())
    small = OnnxEngine(trial.graph.path).run(pixels)["probabilities"].argmax(axis=1)
    assert figures.accuracy == pytest.approx((small == truth).mean())
    assert min(figures.milliseconds, figures.milliseconds_float) > 0
    card = "\n".join(quantization_lines(trial))
    assert f"| float | {figures.accuracy_float:.3f} |" in card
    assert f"| int8 | {figures.accuracy:.3f} |" in card


@pytest.mark.parametrize(
    ("accuracy", "milliseconds", "reason"),
    [
        (0.90, 2.0, None),
        (0.89, 2.0, None),
        (0.95, 2.0, None),
        (0.88, 2.0, "int8 costs 2.0 points of accuracy on held-out photos"),
        (0.90, 4.0, "int8 is no quicker on this machine"),
    ],
)
def test_it_is_left_where_it_costs_too_much(
    accuracy: float, milliseconds: float, reason: str | None
) -> None:
    figures = Quantization(
        accuracy_float=0.9, accuracy=accuracy, milliseconds_float=4.0, milliseconds=milliseconds
    )
    assert quantization._reason(figures) == reason
    trial = Int8Trial(Int8Graph(Path("int8.onnx"), figures), Path("float.onnx"), reason)
    assert (trial.kept is None) == (reason is not None)
    assert (reason or "What is served is the int8 graph") in "\n".join(quantization_lines(trial))
    assert str(trial).endswith(f"kept: {reason}" if reason else "(float 4.00)")


def test_a_package_with_it_answers_as_it_does(
    trial: Int8Trial, network: KerasNetwork, photos: PhotoSet, tmp_path: Path
) -> None:
    example = {"b64": "/9j/"}
    inputs = (ITEM.model_copy(update={"example": example}),)
    plan = Plan("drawn", "Drawn", "classification", inputs, Target("probabilities", "Label"))
    rows = photos.dataset("0" * 64)
    written = replace(network, graph=trial.exact)
    trained = Trained(
        plan, written, rows, rows, None, LABELS, {"accuracy": 0.5}, None, "2026-01-01",
        int8=trial.graph,
    )  # fmt: skip
    digest = write_package(trained, tmp_path / "package", Model()).digest
    package = read_package(tmp_path / "package", digest)
    predictor = open_predictor(package)
    predictor.check_golden()
    assert package.document.provenance.quantization == trial.graph.figures
    assert package.onnx_path.read_bytes() == trial.graph.path.read_bytes()
    with pytest.raises(RefusedPackage, match="int8"):
        open_predictor(package, "tensorflow")
