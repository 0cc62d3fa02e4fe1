"""Graphs that others exported become packages that answer as they did."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from mlflow.models import Model
from onnx import TensorProto, helper

from support.imported_graphs import answers, by_column, imported, refusal, written
from support.onnx_models import (
    FLOAT,
    INT64,
    STRING,
    doubling,
    looping,
    model_of,
    node,
    perceptron,
    perceptron_answers,
    tree_classifier,
    tree_classifier_answers,
    value,
)
from support.worker import loaded, post, settings_for
from vigie.errors import DataError, RefusedPackage
from vigie.registry.cache import ModelCache
from vigie.sandbox.run import run_confined
from vigie.training.imported.importing import Wanted, write_imported
from vigie.training.imported.onnx_model import to_package

RNG = np.random.default_rng(5)


def test_a_network_of_pytorch_with_columns_and_labels(tmp_path: Path) -> None:
    rows = RNG.normal(size=(6, 3)).astype(np.float32)
    predictor = imported(tmp_path, perceptron(), columns=("a", "b", "c"), labels=("no", "yes"))
    document = predictor.package.document
    assert [(i.name, i.dtype, i.shape) for i in document.inputs] == [
        (name, "float32", ()) for name in "abc"
    ]
    assert (document.task, document.labels, document.engine) == (
        "classification", ("no", "yes"), "onnx",
    )  # fmt: skip
    found = answers(predictor, by_column("abc", rows))
    np.testing.assert_allclose(found, perceptron_answers(rows), 1e-5, 1e-6)


def test_a_vector_stays_a_vector_without_columns(tmp_path: Path) -> None:
    rows = RNG.normal(size=(4, 3)).astype(np.float32)
    predictor = imported(tmp_path, perceptron())
    document = predictor.package.document
    assert [(i.name, i.shape) for i in document.inputs] == [("input_1", (3,))]
    assert (document.task, document.outputs[0].shape) == ("embedding", (2,))
    found = answers(predictor, [{"input_1": row.tolist()} for row in rows])
    np.testing.assert_allclose(found, perceptron_answers(rows), 1e-5, 1e-6)


def test_columns_settle_a_width_that_was_left_open(tmp_path: Path) -> None:
    rows = RNG.normal(size=(4, 3)).astype(np.float32)
    predictor = imported(tmp_path, perceptron(width="features"), columns=("a", "b", "c"))
    found = answers(predictor, by_column("abc", rows))
    np.testing.assert_allclose(found, perceptron_answers(rows), 1e-5, 1e-6)


TYPES = {
    "float64": (TensorProto.DOUBLE, 0.5, "float32", None),
    "float16": (TensorProto.FLOAT16, 0.5, "float32", (-65504, 65504)),
    "int8": (TensorProto.INT8, 7, "int64", (-128, 127)),
    "int16": (TensorProto.INT16, 7, "int64", (-32768, 32767)),
    "int32": (TensorProto.INT32, 7, "int64", (-(2**31), 2**31 - 1)),
    "int64": (TensorProto.INT64, 7, "int64", None),
    "uint8": (TensorProto.UINT8, 7, "int64", (0, 255)),
    "bool": (TensorProto.BOOL, 1, "int64", (0, 1)),
}


@pytest.mark.parametrize("kind", TYPES)
def test_numbers_of_every_type_and_a_name_of_any_letters(tmp_path: Path, kind: str) -> None:
    element, number, dtype, limits = TYPES[kind]
    model = model_of(
        [node("Cast", ["größe:0"], ["size"], to=element)],
        [value("größe:0", element, ["n"])],
        [value("size", element, ["n"])],
    )
    rows = [{"gr__e": number}] * 2
    parts = to_package(tmp_path, str(written(tmp_path, model)), (), (), rows)
    (item,) = parts["inputs"]
    assert (item["name"], item["dtype"], item["shape"], item["limits"]) == (
        "gr__e", dtype, (), limits,
    )  # fmt: skip
    assert parts["answers"] == {"size": [number] * 2}


def test_inputs_of_several_types_and_outputs_named_like_them(tmp_path: Path) -> None:
    model = model_of(
        [
            node("Equal", ["word", "yes"], ["is_yes"]),
            node("Cast", ["is_yes"], ["as_number"], to=FLOAT),
            node("ReduceSum", ["series", "axes"], ["total"], keepdims=1),
            node("Cast", ["count"], ["counted"], to=FLOAT),
            node("Sum", ["as_number", "total", "counted"], ["word.1"]),
            node("Identity", ["series"], ["as is"]),
        ],
        [value("word", STRING, ["n", 1]), value("series", FLOAT, ["n", 2]),
         value("count", INT64, ["n", 1])],
        [value("word.1", FLOAT, ["n", 1]), value("as is", FLOAT, ["n", 2])],
        {"yes": np.array(["yes"], object), "axes": np.array([1], np.int64)},
        {"": 19},
    )  # fmt: skip
    model.graph.output[0].name = model.graph.node[4].output[0] = "word:1"
    predictor = imported(tmp_path, model)
    document = predictor.package.document
    assert [output.name for output in document.outputs] == ["output_word", "as_is"]
    rows = [
        {"word": "yes", "series": [1.0, 2.0], "count": 10},
        {"word": "no", "series": [0.5, 0.0], "count": 0},
    ]
    assert answers(predictor, rows).tolist() == [14.0, 0.5]
    assert answers(predictor, rows, 1).tolist() == [[1.0, 2.0], [0.5, 0.0]]


def test_examples_become_the_golden_rows(tmp_path: Path) -> None:
    rows = ({"x": 41.0}, {"x": -3.0})
    package = imported(tmp_path, doubling(), examples=rows).package
    assert package.document.example == rows[0]
    assert package.golden.rows == rows
    assert package.golden.outputs == {"y": (82.0, -6.0)}


def test_a_value_of_the_graph_may_be_named_as_a_column(tmp_path: Path) -> None:
    predictor = imported(tmp_path, perceptron(), columns=("x_7", "a", "output"))
    names = [item.name for item in predictor.package.document.inputs]
    assert names == ["x_7", "a", "output"]
    assert predictor.package.document.outputs[0].name == "output_x_7"


def test_constants_among_the_inputs_and_loops_and_functions(tmp_path: Path) -> None:
    old = looping(3)
    old.ir_version = 3
    old.graph.input.extend(value(t.name, t.data_type, list(t.dims)) for t in old.graph.initializer)
    opsets = [helper.make_opsetid("", 17)]
    triple = helper.make_function(
        "own", "Triple", ["a"], ["b"], [node("Sum", ["a", "a", "a"], ["b"])], opsets
    )
    model = model_of(
        [*old.graph.node, node("Triple", ["y"], ["z"], domain="own")],
        list(old.graph.input), [value("z", FLOAT, ["n", 1])], opsets={"": 17, "own": 1},
        functions=[triple], ir_version=8,
    )  # fmt: skip
    model.graph.initializer.extend(old.graph.initializer)
    predictor = imported(tmp_path, model)
    assert [item.name for item in predictor.package.document.inputs] == ["x"]
    assert answers(predictor, [{"x": 1.0}]).tolist() == [12.0]


def of_kind(kind: onnx.TypeProto, *nodes: onnx.NodeProto) -> onnx.ModelProto:
    return model_of(
        [*nodes, node("Identity", ["x"], ["y"])],
        [helper.make_value_info("odd", kind), value("x", FLOAT, ["n", 1])],
        [value("y", FLOAT, ["n", 1])],
    )


TENSOR = helper.make_tensor_type_proto(FLOAT, ["n", 1])
OPTIONAL = helper.make_optional_type_proto(TENSOR)
MAP = helper.make_map_type_proto(STRING, TENSOR)
ODD = helper.make_sequence_type_proto(TENSOR)
BAKED = model_of(
    [node("Reshape", ["x", "one_row"], ["y"])],
    [value("x", FLOAT, ["n", 3])], [value("y", FLOAT, [1, 3])],
    {"one_row": np.array([1, 3], np.int64)},
)  # fmt: skip
TOGETHER = model_of(
    [node("Softmax", ["x"], ["y"], axis=0)],
    [value("x", FLOAT, ["n", 1])], [value("y", FLOAT, ["n", 1])],
)  # fmt: skip
SUMMED = model_of(
    [node("ReduceSum", ["x"], ["y"], keepdims=0)],
    [value("x", FLOAT, ["n", 1])], [value("y", FLOAT, [])],
)  # fmt: skip
TEXTS = model_of(
    [node("Identity", ["x"], ["y"])],
    [value("x", STRING, ["n", 1])], [value("y", STRING, ["n", 1])],
)  # fmt: skip
SEQUENCE = model_of(
    [node("SequenceConstruct", ["x", "x"], ["y"])],
    [value("x", FLOAT, ["n", 1])],
    [helper.make_value_info("y", ODD)],
)
INFINITE = doubling(
    node("Div", ["double", "zero"], ["y"]), constants={"zero": np.zeros(1, np.float32)}
)
BROKEN = doubling(node("Add", ["x"], ["z"]))
NOT_MADE = model_of([node("Neg", ["x"], ["z"])], [value("x", FLOAT, ["n", 1])], [
    value("y", FLOAT, ["n", 1])])  # fmt: skip
TOO_WIDE = doubling()
TOO_WIDE.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 2_000_000
ONE_ROW = (
    "the input input.1 is fixed at 1 row; export the model with an open first size: "
    "dynamic_axes={'input.1': {0: 'rows'}} of torch.onnx.export"
)
REFUSED: dict[str, tuple[onnx.ModelProto, str]] = {
    "one row": (perceptron(rows=1), ONE_ROW),
    "an open width": (perceptron(width="w"), "leaves size 2 open"),
    "too wide": (TOO_WIDE, "too large for a request"),
    "a sequence": (of_kind(ODD), "the input odd is no tensor (sequence)"),
    "an optional": (of_kind(OPTIONAL), "the input odd is no tensor (optional)"),
    "a map": (of_kind(MAP), "the input odd is no tensor (map)"),
    "no sizes": (of_kind(helper.make_tensor_type_proto(FLOAT, None)), "does not say its sizes"),
    "complex": (of_kind(helper.make_tensor_type_proto(TensorProto.COMPLEX64, ["n", 1])),
                "is of the type complex64"),
    "no input": (model_of([node("Constant", [], ["y"], value_float=1.0)], [],
                          [value("y", FLOAT, [])]), "takes nothing"),
    "a shape for one row": (BAKED, "export it again with dynamic_axes"),
    "rows that meet": (TOGETHER, "a row otherwise alone than among others"),
    "one answer for all": (SUMMED, "does not give one answer per row"),
    "texts": (TEXTS, "the output y is text; name its classes with --labels"),
    "a sequence for an answer": (SEQUENCE, "the output y is no tensor (sequence)"),
    "infinite": (INFINITE, "not finite; give rows with --examples"),
    "not valid": (BROKEN, "ONNX Runtime cannot load model.onnx"),
    "output of nothing": (NOT_MADE, "the graph does not make its output y"),
    "empty": (model_of([], [value("x", FLOAT, ["n", 1])], [value("x", FLOAT, ["n", 1])]),
              "model.onnx holds an empty graph"),
    "new operators": (doubling(opsets={"": 199}), "its operators are of version 199 of ai.onnx"),
    "new format": (doubling(ir_version=99), "the file is of ONNX's format 99"),
    "old operators": (doubling(opsets={"": 5}), "export it with opset 7 or later"),
    "custom operator": (doubling(node("Gelu", ["x"], ["z"], domain="com.microsoft")),
                        "not standard: com.microsoft (Gelu)"),
}  # fmt: skip


@pytest.mark.parametrize("fault", REFUSED)
def test_what_cannot_be_served_is_refused_by_name(tmp_path: Path, fault: str) -> None:
    model, reason = REFUSED[fault]
    assert reason in refusal(tmp_path, model)


def test_every_dialect_answers_as_the_graph_does(tmp_path: Path) -> None:
    cache = ModelCache(tmp_path / "cache")
    columns, labels = ("age", "income"), ("stays", "leaves")
    rows = RNG.uniform(size=(2, 2)).astype(np.float32)
    with cache.lock("mine") as incoming:
        source = written(tmp_path, tree_classifier(labels))
        digest, _ = write_imported(source, Wanted("mine", columns=columns), incoming / "p", Model())
        cache.install("mine", incoming / "p", digest, "1", "run")
        cache.point("mine", digest)
    state = loaded(settings_for(cache, tmp_path / "state", models=("mine",)))
    try:
        named = by_column(columns, rows)
        tensors = [
            {"name": name, "datatype": "FP32", "shape": [2, 1], "data": rows[:, place].tolist()}
            for place, name in enumerate(columns)
        ]
        split = {"columns": list(columns), "data": rows.tolist()}
        native = post(state, "/predict/mine", {"instances": named}).json()["predictions"]
        tfserving = post(state, "/v1/models/mine:predict", {"instances": named}).json()
        (v2, *_) = post(state, "/v2/models/mine/infer", {"inputs": tensors}).json()["outputs"]
        mlflow = post(state, "/invocations", {"dataframe_split": split}).json()["predictions"]
    finally:
        state.close()
    assert native[0]["label"] in labels
    for scores in (
        [list(row["scores"].values()) for row in native],
        tfserving["predictions"],
        v2["data"],
        [[row[label] for label in labels] for row in mlflow],
    ):
        numbers = np.array(scores).reshape(2, 2)
        np.testing.assert_allclose(numbers, tree_classifier_answers(rows), 1e-5)


def test_one_example_does_not_hide_a_graph_for_one_row(tmp_path: Path) -> None:
    source = written(tmp_path, BAKED)
    with pytest.raises(DataError, match="a row otherwise alone than among others"):
        to_package(tmp_path, str(source), (), (), [{"x": [1.0, 2.0, 3.0]}])


@pytest.mark.parametrize("ends", [True, False])
def test_a_loop_without_end_is_named(tmp_path: Path, ends: bool) -> None:
    source = written(tmp_path, looping(2**31, ends))
    order = {"source": str(source), "labels": [], "columns": [], "examples": [], "seconds": 1}
    task = "vigie.training.imported.onnx_model:to_package"
    with pytest.raises(RefusedPackage) as refused:
        run_confined(task, order, tmp_path, [source])
    assert str(refused.value) == "a few rows take it longer than 1 s: its Loop does not end"


def test_a_flood_that_depends_on_the_rows_is_refused(tmp_path: Path) -> None:
    model = doubling(
        node("ReduceMax", ["x"], ["most"], keepdims=0),
        node("Mul", ["most", "many"], ["scaled"]),
        node("Cast", ["scaled"], ["last"], to=INT64),
        node("Range", ["first", "last", "step"], ["flood"]),
        node("ReduceMax", ["flood"], ["drop"], keepdims=0),
        node("Cast", ["drop"], ["plain"], to=FLOAT),
        node("Add", ["double", "plain"], ["y"]),
        constants={"many": np.float32(1e11), "first": np.int64(0), "step": np.int64(1)},
    )
    with pytest.raises(RefusedPackage, match="a few rows take it more memory than there is"):
        imported(tmp_path, model)


def test_no_tensorflow_is_needed() -> None:
    code = (
        "import sys\nimport vigie.training.imported.importing, vigie.training.imported.onnx_model\n"
        "print(sorted({'tensorflow', 'keras', 'tf2onnx'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
