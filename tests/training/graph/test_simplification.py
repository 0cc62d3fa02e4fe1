"""What is left out of a graph changes no answer, and what may matter stays."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime as ort
import pytest

from support.onnx_models import FLOAT, INT64, ML, STRING, model_of, node, value
from vigie.training.graph.agreement import compare_graph
from vigie.training.graph.export import export_onnx, predict_keras
from vigie.training.graph.simplification import simplify

WORDS = np.array([["flat"], ["house"], ["castle"]], object)


def operators(model: onnx.ModelProto) -> list[str]:
    return [each.op_type for each in model.graph.node]


def answers(model: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return list(session.run(None, feeds))


def simplified(model: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> onnx.ModelProto:
    """The simplified model, once it was seen to answer as before; `model` stays."""
    made = copy.deepcopy(model)
    simplify(made)
    onnx.checker.check_model(made)
    for got, wanted in zip(answers(made, feeds), answers(model, feeds), strict=True):
        np.testing.assert_array_equal(got, wanted)
    return made


def look_up(unknown: int) -> onnx.NodeProto:
    return node(
        "LabelEncoder", ["word"], ["index"], domain=ML,
        keys_strings=["flat", "house"], values_int64s=[1, 2], default_int64=unknown,
    )  # fmt: skip


def wrap(kind: str) -> list[onnx.NodeProto]:
    """`index + 3` where it is below 0, as a choice or as tf2onnx writes it."""
    before = [node("Less", ["index", "zero"], ["below"]), node("Add", ["index", "three"], ["end"])]
    if kind == "choice":
        return [*before, node("Where", ["below", "end", "index"], ["place"])]
    return [
        *before,
        node("Cast", ["below"], ["flag"], to=INT64),
        node("Not", ["below"], ["above"]),
        node("Cast", ["above"], ["other_flag"], to=INT64),
        node("Mul", ["end", "flag"], ["one"]),
        node("Mul", ["index", "other_flag"], ["other"]),
        node("Add", ["other", "one"], ["place"]),
    ]


def embedding(kind: str, unknown: int, **constants: Any) -> onnx.ModelProto:
    """The vector of a word, of a table of three."""
    nodes = [look_up(unknown), *wrap(kind), node("Gather", ["table", "place"], ["vector"])]
    return model_of(
        nodes, [value("word", STRING, [None, 1])], [value("vector", FLOAT, [None, 1, 2])],
        {
            "table": np.arange(6, dtype=np.float32).reshape(3, 2),
            "zero": np.int64(0), "three": np.int64(3), **constants,
        },
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["choice", "products"])
def test_the_wrap_of_an_index_that_is_never_negative_goes(kind: str) -> None:
    made = simplified(embedding(kind, 0), {"word": WORDS})
    assert operators(made) == ["LabelEncoder", "Gather"]
    assert [tensor.name for tensor in made.graph.initializer] == ["table"]


@pytest.mark.parametrize("kind", ["choice", "products"])
def test_the_wrap_of_an_index_that_may_be_negative_stays(kind: str) -> None:
    model = embedding(kind, -1)
    assert operators(simplified(model, {"word": WORDS})) == operators(model)


def test_the_wrap_of_a_caller_s_own_index_stays() -> None:
    model = embedding("products", 0)
    del model.graph.node[0]
    model.graph.input[0].CopyFrom(value("index", INT64, [None, 1]))
    made = simplified(model, {"index": np.array([[-1], [0], [2]])})
    assert operators(made) == operators(model)


def test_a_choice_by_another_number_than_0_stays() -> None:
    model = embedding("choice", 0, zero=np.int64(1), three=np.int64(2))
    assert operators(simplified(model, {"word": WORDS})) == operators(model)


def test_a_wrap_that_is_an_answer_stays() -> None:
    model = embedding("choice", 0)
    model.graph.output.append(value("place", INT64, [None, 1]))
    assert operators(simplified(model, {"word": WORDS})) == operators(model)


def test_a_value_that_a_branch_takes_stays() -> None:
    model = embedding("choice", 0)
    inner = onnx.helper.make_graph(
        [node("Identity", ["place"], ["same"])], "inner", [], [value("same", INT64, [None, 1])]
    )
    model.graph.node.append(
        node("If", ["yes"], ["seen"], then_branch=inner, else_branch=copy.deepcopy(inner))
    )
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(True), "yes"))
    model.graph.output.append(value("seen", INT64, [None, 1]))
    made = simplified(model, {"word": WORDS})
    assert "Where" in operators(made)


def bounded(lowest: float) -> onnx.ModelProto:
    nodes = [
        node("Relu", ["x"], ["above"]),
        node("Min", ["above", "one"], ["below"]),
        node("Max", ["below", "lowest"], ["y"]),
        node("Neg", ["y"], ["z"]),
    ]
    return model_of(
        nodes, [value("x", FLOAT, [None, 2])], [value("z", FLOAT, [None, 2])],
        {"one": np.float32(1), "lowest": np.float32(lowest)},
    )  # fmt: skip


NUMBERS = np.array([[-1, 0.3], [2, 0]], np.float32)


def test_a_bound_that_nothing_is_below_goes() -> None:
    assert operators(simplified(bounded(0), {"x": NUMBERS})) == ["Relu", "Min", "Neg"]


def test_a_bound_that_something_is_below_stays() -> None:
    assert "Max" in operators(simplified(bounded(0.5), {"x": NUMBERS}))


def flattened(source_sizes: list[int | None]) -> onnx.ModelProto:
    """The first size as it is, all others as one of 6: what Keras' `Flatten` becomes."""
    nodes = [
        node("Identity", ["x"], ["same"]),
        node("Shape", ["same"], ["shape"]),
        node("Cast", ["shape"], ["small"], to=onnx.TensorProto.INT32),
        node("Slice", ["small", "nought", "first", "nought"], ["rows"]),
        node("Concat", ["rows", "six"], ["sizes"], axis=0),
        node("Cast", ["sizes"], ["wide"], to=INT64),
        node("Reshape", ["same", "wide"], ["y"]),
    ]
    return model_of(
        nodes, [value("x", FLOAT, source_sizes)], [value("y", FLOAT, [None, None])],
        {"nought": np.array([0]), "first": np.array([1]), "six": np.array([6], np.int32)},
    )  # fmt: skip


def test_a_shape_that_is_known_but_for_the_rows_is_a_constant() -> None:
    made = simplified(flattened([None, 2, 3]), {"x": np.ones((4, 2, 3), np.float32)})
    assert operators(made) == ["Identity", "Reshape"]
    assert [onnx.numpy_helper.to_array(t).tolist() for t in made.graph.initializer] == [[-1, 6]]


def test_a_shape_with_two_open_sizes_is_computed() -> None:
    nodes = [node("Shape", ["like"], ["shape"]), node("Reshape", ["x", "shape"], ["y"])]
    model = model_of(
        nodes,
        [value("x", FLOAT, [None, None]), value("like", FLOAT, [None, None])],
        [value("y", FLOAT, [None, None])],
    )
    feeds = {"x": np.ones((2, 3), np.float32), "like": np.ones((3, 2), np.float32)}
    assert operators(simplified(model, feeds)) == ["Shape", "Reshape"]


def test_a_run_of_changes_of_sizes_is_one_or_none() -> None:
    nodes = [
        node("Unsqueeze", ["x", "one"], ["a"]),
        node("Reshape", ["a", "flat"], ["b"]),
        node("Squeeze", ["b", "one"], ["c"]),
        node("Neg", ["c"], ["y"]),
        node("Unsqueeze", ["y", "one"], ["d"]),
        node("Squeeze", ["d", "one"], ["e"]),
        node("Neg", ["e"], ["z"]),
    ]
    model = model_of(
        nodes, [value("x", FLOAT, [None, 4])], [value("z", FLOAT, [None])],
        {"one": np.array([1]), "flat": np.array([-1, 1])},
    )  # fmt: skip
    made = simplified(model, {"x": np.arange(8, dtype=np.float32).reshape(2, 4)})
    assert operators(made) == ["Reshape", "Neg", "Neg"]


def test_sizes_in_another_order_are_not_the_same() -> None:
    nodes = [node("Reshape", ["x", "turned"], ["a"]), node("Neg", ["a"], ["y"])]
    model = model_of(
        nodes, [value("x", FLOAT, [None, 4])], [value("y", FLOAT, [4, None])],
        {"turned": np.array([4, -1])},
    )  # fmt: skip
    feeds = {"x": np.arange(8, dtype=np.float32).reshape(2, 4)}
    assert operators(simplified(model, feeds)) == ["Reshape", "Neg"]


def test_an_empty_value_keeps_its_sizes() -> None:
    nodes = [node("Shape", ["x"], ["shape"]), node("Reshape", ["x", "shape"], ["a"], allowzero=1)]
    model = model_of(
        [*nodes, node("Neg", ["a"], ["y"])],
        [value("x", FLOAT, [None, 0, 2])], [value("y", FLOAT, [None, 0, 2])],
    )  # fmt: skip
    assert "Reshape" in operators(simplified(model, {"x": np.ones((3, 0, 2), np.float32)}))


def experts() -> keras.Model:
    """A layer of its own for each of four members: what an Einsum becomes has shapes to compute."""
    given = keras.Input((6,), name="x")
    hidden = keras.layers.Reshape((4, 3))(keras.layers.Dense(12, "relu")(given))
    layer = keras.layers.EinsumDense("bki,kio->bko", (4, 2), activation="relu", bias_axes="ko")
    pooled = keras.layers.GlobalAveragePooling1D(name="answer")(layer(hidden))
    return keras.Model({"x": given}, pooled)


def vocabulary() -> keras.Model:
    """An embedding of a word, flattened, beside a number that is clipped."""
    word, size = keras.Input((1,), name="word", dtype="string"), keras.Input((1,), name="size")
    index = keras.layers.StringLookup(vocabulary=["flat", "house"])(word)
    vector = keras.layers.Flatten()(keras.layers.Embedding(3, 4)(index))
    clipped = keras.layers.ReLU(max_value=1.0)(size)
    both = keras.layers.Concatenate()([vector, clipped])
    return keras.Model({"word": word, "size": size}, keras.layers.Dense(1, name="answer")(both))


def exported(model: keras.Model, path: Path, feeds: dict[str, np.ndarray]) -> list[str]:
    export_onnx(model, path)
    assert compare_graph(path, feeds, predict_keras(model, feeds)) < 1e-5
    return operators(onnx.load(path))


def test_an_embedding_of_words_is_exported_without_arithmetic_of_indices(tmp_path: Path) -> None:
    feeds = {"word": WORDS, "size": np.array([[-1], [0.5], [3]], np.float32)}
    made = exported(vocabulary(), tmp_path / "model.onnx", feeds)
    assert {"CategoryMapper", "Gather", "Reshape", "Relu", "Min"} <= set(made)
    assert not {"Less", "Not", "Mul", "Where", "Shape", "Slice", "Max"}.intersection(made)


def test_layers_of_members_are_exported_without_arithmetic_of_shapes(tmp_path: Path) -> None:
    rows = np.random.default_rng(1).normal(size=(5, 6)).astype(np.float32)
    made = exported(experts(), tmp_path / "model.onnx", {"x": rows})
    assert not {"Shape", "Gather", "Slice", "Squeeze", "Unsqueeze"}.intersection(made)


def test_a_look_up_without_a_place_for_the_unknown_keeps_its_wrap(tmp_path: Path) -> None:
    word = keras.Input((1,), name="word", dtype="string")
    index = keras.layers.StringLookup(vocabulary=["flat", "house"], num_oov_indices=0)(word)
    vector = keras.layers.Flatten(name="answer")(keras.layers.Embedding(3, 4)(index))
    made = exported(
        keras.Model({"word": word}, vector), tmp_path / "model.onnx", {"word": WORDS[:2]}
    )
    assert "Less" in made
