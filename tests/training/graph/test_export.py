from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import onnx
import pytest

from vigie.errors import DataError
from vigie.sandbox.graph import STANDARD_DOMAINS
from vigie.training.graph.agreement import compare_graph
from vigie.training.graph.export import export_onnx, predict_keras


def small_model() -> keras.Model:
    """Numbers with constants of their own, texts with a look-up: what is hard to export."""
    size = keras.Input((1,), name="size")
    kind = keras.Input((1,), name="kind", dtype="string")
    scaled = keras.layers.Normalization(mean=[50.0], variance=[100.0])(size)
    choice = keras.layers.StringLookup(vocabulary=["flat", "house"], output_mode="one_hot")(kind)
    both = keras.layers.Concatenate()([scaled, choice])
    price = keras.layers.Dense(1, activation="exponential", name="price")(both)
    return keras.Model({"size": size, "kind": kind}, price)


def rows() -> dict[str, np.ndarray]:
    kinds = np.array([["flat"], ["house"], ["castle"], [""], ["ÉTÉ"]], object)
    return {"size": np.array([[1], [50], [60], [400], [-3]], np.float32) / 10, "kind": kinds}


def test_the_graph_answers_as_the_model_and_is_standard(tmp_path: Path) -> None:
    model = small_model()
    path = tmp_path / "model.onnx"
    export_onnx(model, path)
    assert compare_graph(path, rows(), predict_keras(model, rows())) < 1e-5
    graph = onnx.load(path)
    assert {node.domain for node in graph.graph.node} <= STANDARD_DOMAINS
    assert {item.name for item in graph.graph.input} == {"size", "kind"}
    assert [item.name for item in graph.graph.output] == ["price"]


def test_a_graph_that_answers_otherwise_is_found_out(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    model = small_model()
    export_onnx(model, path)
    layer = model.get_layer("price")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel, bias + 0.001])
    with pytest.raises(DataError, match="price"):
        compare_graph(path, rows(), predict_keras(model, rows()))


def test_a_model_that_overflows_is_found_out(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    model = small_model()
    layer = model.get_layer("price")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel, bias + 1000])
    export_onnx(model, path)
    with pytest.raises(DataError, match="not finite"):
        compare_graph(path, rows(), predict_keras(model, rows()))


def test_keras_answers_are_given_by_name() -> None:
    answers = predict_keras(small_model(), rows())
    assert answers["price"].shape == (5, 1)


def layers_without_operators() -> keras.Model:
    """Layers of whose operators ONNX has none of the same name."""
    age, rooms = keras.Input((1,), name="age"), keras.Input((1,), name="rooms", dtype="int64")
    bins = keras.layers.Discretization(bin_boundaries=[30.0, 40.0], output_mode="one_hot")(age)
    known = keras.layers.IntegerLookup(vocabulary=[1, 2, 5], output_mode="one_hot")(rooms)
    both = keras.layers.Concatenate()([bins, known])
    answer = keras.layers.Dense(1, activation="gelu", name="answer")(both)
    return keras.Model({"age": age, "rooms": rooms}, answer)


def test_gelu_discretization_and_look_ups_of_numbers_have_a_graph(tmp_path: Path) -> None:
    model = layers_without_operators()
    path = tmp_path / "model.onnx"
    export_onnx(model, path)
    ages = np.array([[29.9], [30.0], [39.0], [40.0], [-1e6]], np.float32)
    feeds = {"age": ages, "rooms": np.array([[1], [5], [2], [7], [-1]])}
    assert compare_graph(path, feeds, predict_keras(model, feeds)) < 1e-5


def test_inputs_whose_names_differ_in_case_alone_have_a_graph(tmp_path: Path) -> None:
    upper, lower = keras.Input((1,), name="Age"), keras.Input((1,), name="age")
    both = keras.layers.Concatenate()([upper, lower])
    model = keras.Model({"Age": upper, "age": lower}, keras.layers.Dense(1, name="answer")(both))
    path = tmp_path / "model.onnx"
    export_onnx(model, path)
    feeds = {"Age": np.ones((2, 1), np.float32), "age": np.zeros((2, 1), np.float32)}
    assert compare_graph(path, feeds, predict_keras(model, feeds)) < 1e-5


def test_an_operator_that_onnx_lacks_is_named_and_nothing_is_printed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    given = keras.Input((1,), name="word", dtype="string")
    hashed = keras.layers.Hashing(8, output_mode="one_hot")(given)
    model = keras.Model({"word": given}, keras.layers.Dense(1)(hashed))
    with pytest.raises(DataError, match="ONNX has no operator for StringToHashBucketFast"):
        export_onnx(model, tmp_path / "model.onnx")
    assert "StringToHash" not in "".join(capfd.readouterr())
