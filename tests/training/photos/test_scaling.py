from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from vigie.engines.onnx import OnnxEngine
from vigie.errors import ConfigurationError
from vigie.training.graph.export import export_onnx
from vigie.training.photos.scaling import base_names, maker_of, preprocessing_of, scale

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)


def expected(base: str) -> np.ndarray:
    return np.asarray(preprocessing_of(base)(PIXELS.astype(np.float32)))


def scaled(base: str) -> keras.Model:
    photo = keras.Input((8, 8, 3), dtype="uint8", name="photo")
    return keras.Model({"photo": photo}, keras.layers.Identity(name="y")(scale(base, photo)))


def test_every_base_of_keras_is_scaled_as_its_own_function_does() -> None:
    assert {"ResNet152V2", "MobileNetV2", "EfficientNetV2B0", "ResNet50"} <= set(base_names())
    for base in base_names():
        answered = np.asarray(scaled(base)({"photo": PIXELS}))
        assert np.abs(answered - expected(base)).max() < 1e-5, base


@pytest.mark.parametrize("base", ["ResNet50V2", "ResNet50", "DenseNet121", "EfficientNetB0"])
def test_the_scaling_is_in_the_graph(base: str, tmp_path: Path) -> None:
    export_onnx(scaled(base), tmp_path / "model.onnx")
    (answered,) = OnnxEngine(tmp_path / "model.onnx").run({"photo": PIXELS}).values()
    assert np.abs(answered - expected(base)).max() < 1e-5


def test_the_kinds_of_scaling_are_those_that_the_bases_were_trained_with() -> None:
    white = np.full((1, 1, 1, 3), 255, np.float32)
    ends = {
        base: np.asarray(preprocessing_of(base)(white.copy())).ravel()
        for base in ("MobileNetV2", "MobileNetV3Small", "ResNet50", "VGG16")
    }
    assert ends["MobileNetV2"] == pytest.approx([1, 1, 1])
    assert ends["MobileNetV3Small"] == pytest.approx([255, 255, 255])
    for base in ("ResNet50", "VGG16"):
        assert ends[base] == pytest.approx([151.061, 138.221, 131.32])


def test_an_unknown_base_lists_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="ResNet152V2"):
        maker_of("ResNet9000")
