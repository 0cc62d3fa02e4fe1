"""ONNX files as the exporters of others write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
ML = "ai.onnx.ml"
value = helper.make_tensor_value_info
node = helper.make_node


def model_of(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    constants: dict[str, Any] | None = None,
    opsets: dict[str, int] | None = None,
    ir_version: int = 8,
    **more: Any,
) -> onnx.ModelProto:
    """A model with constants given as numbers or arrays."""
    tensors = [numpy_helper.from_array(np.asarray(v), n) for n, v in (constants or {}).items()]
    graph = helper.make_graph(nodes, "main_graph", inputs, outputs, tensors)
    versions = [helper.make_opsetid(*each) for each in (opsets or {"": 17, ML: 3}).items()]
    return helper.make_model(graph, opset_imports=versions, ir_version=ir_version, **more)


def perceptron(rows: int | str | None = "batch", width: int | str | None = 3) -> onnx.ModelProto:
    """Two linear layers with a ReLU between, as `torch.onnx.export` writes them: logits."""
    rng = np.random.default_rng(3)
    wide = width if isinstance(width, int) else 3
    nodes = [
        node("Gemm", ["input.1", "0.weight", "0.bias"], ["/0/Gemm_output_0"], "/0/Gemm", transB=1),
        node("Relu", ["/0/Gemm_output_0"], ["/1/Relu_output_0"], "/1/Relu"),
        node("Gemm", ["/1/Relu_output_0", "2.weight", "2.bias"], ["7"], "/2/Gemm", transB=1),
    ]
    constants = {
        "0.weight": rng.normal(size=(5, wide)).astype(np.float32),
        "0.bias": rng.normal(size=5).astype(np.float32),
        "2.weight": rng.normal(size=(2, 5)).astype(np.float32),
        "2.bias": rng.normal(size=2).astype(np.float32),
    }
    return model_of(
        nodes, [value("input.1", FLOAT, [rows, width])], [value("7", FLOAT, [rows, 2])], constants,
        {"": 17}, producer_name="pytorch",
    )  # fmt: skip


def perceptron_answers(rows: np.ndarray) -> np.ndarray:
    """What the perceptron answers, by numpy."""
    held = {t.name: numpy_helper.to_array(t) for t in perceptron().graph.initializer}
    hidden = np.maximum(rows @ held["0.weight"].T + held["0.bias"], 0)
    answers: np.ndarray = hidden @ held["2.weight"].T + held["2.bias"]
    return answers


def _trees() -> dict[str, list[Any]]:
    """One tree for each of two columns: above a half, and not."""
    return {
        "nodes_treeids": [0, 0, 0, 1, 1, 1],
        "nodes_nodeids": [0, 1, 2, 0, 1, 2],
        "nodes_featureids": [0, 0, 0, 1, 0, 0],
        "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"] * 2,
        "nodes_values": [0.5, 0.0, 0.0] * 2,
        "nodes_truenodeids": [1, 0, 0] * 2,
        "nodes_falsenodeids": [2, 0, 0] * 2,
    }


def tree_classifier(labels: Sequence[int | str] = (0, 1), zipmap: bool = True) -> onnx.ModelProto:
    """A tree per class, as onnxmltools writes LightGBM: a label, and a map per row."""
    kind = "classlabels_strings" if isinstance(labels[0], str) else "classlabels_int64s"
    named = {kind: list(labels)}
    scores = "probability_tensor" if zipmap else "probabilities"
    nodes = [
        node(
            "TreeEnsembleClassifier", ["input"], ["label", scores], "TreeEnsembleClassifier",
            domain=ML, post_transform="SOFTMAX", **_trees(), **named,
            class_treeids=[0, 0, 1, 1], class_nodeids=[1, 2, 1, 2], class_ids=[0, 0, 1, 1],
            class_weights=[0.1, 0.9, 0.2, 0.7],
        ),
    ]  # fmt: skip
    label = value("label", STRING if isinstance(labels[0], str) else INT64, [None])
    outputs = [label, value("probabilities", FLOAT, [None, 2])]
    if zipmap:
        nodes.append(node("ZipMap", [scores], ["probabilities"], "ZipMap", domain=ML, **named))
        key = STRING if isinstance(labels[0], str) else INT64
        kind_of_map = helper.make_map_type_proto(key, helper.make_tensor_type_proto(FLOAT, []))
        sequence = helper.make_sequence_type_proto(kind_of_map)
        outputs[1] = helper.make_value_info("probabilities", sequence)
    return model_of(nodes, [value("input", FLOAT, [None, 2])], outputs, opsets={ML: 3})


def tree_classifier_answers(rows: np.ndarray) -> np.ndarray:
    """What the trees answer, by numpy."""
    raw = np.stack(
        [np.where(rows[:, 0] <= 0.5, 0.1, 0.9), np.where(rows[:, 1] <= 0.5, 0.2, 0.7)], axis=1
    )
    shares = np.exp(raw)
    answers: np.ndarray = shares / shares.sum(axis=1, keepdims=True)
    return answers


def tree_regressor(targets: int = 1) -> onnx.ModelProto:
    """Trees that add up, as onnxmltools writes XGBoost: a table without a default opset."""
    places = list(range(targets))
    nodes = [
        node(
            "TreeEnsembleRegressor", ["input"], ["variable"], "TreeEnsembleRegressor",
            domain=ML, n_targets=targets, **_trees(), target_treeids=[0, 0, 1, 1],
            target_nodeids=[1, 2, 1, 2], target_ids=[0, 0, places[-1], places[-1]],
            target_weights=[1.0, 2.0, 10.0, 20.0],
        )
    ]  # fmt: skip
    return model_of(
        nodes, [value("input", FLOAT, ["N", 2])], [value("variable", FLOAT, ["N", targets])],
        opsets={ML: 3},
    )  # fmt: skip


def looping(times: int, ends: bool = True) -> onnx.ModelProto:
    """Adds one as many times as it is told; `ends` False: for as long as a flag stands, forever."""
    body = helper.make_graph(
        [node("Identity", ["go"], ["on"]), node("Add", ["so_far", "one"], ["more"])],
        "body",
        [value("i", INT64, []), value("go", TensorProto.BOOL, []), value("so_far", FLOAT, None)],
        [value("on", TensorProto.BOOL, []), value("more", FLOAT, None)],
    )
    taken = ["times", "", "x"] if ends else ["", "yes", "x"]
    constants = {"times": np.int64(times), "yes": np.bool_(True), "one": np.float32(1)}
    return model_of(
        [node("Loop", taken, ["y"], "counting", body=body)],
        [value("x", FLOAT, ["n", 1])], [value("y", FLOAT, ["n", 1])], constants,
    )  # fmt: skip


def doubling(*nodes: onnx.NodeProto, **more: Any) -> onnx.ModelProto:
    """y = 2 x, and whatever else: nodes that nothing needs, or that make `y` of `double`."""
    made = "double" if any("y" in each.output for each in nodes) else "y"
    return model_of(
        [node("Add", ["x", "x"], [made]), *nodes],
        [value("x", FLOAT, ["n", 1])], [value("y", FLOAT, ["n", 1])], **more,
    )  # fmt: skip


def in_a_branch(inner: onnx.NodeProto) -> onnx.ModelProto:
    """y = 2 x, and an operator inside of an `If`."""
    branch = helper.make_graph([inner], "branch", [], [value(inner.output[0], FLOAT, None)])
    choice = node("If", ["yes"], ["z"], then_branch=branch, else_branch=branch)
    return doubling(choice, constants={"yes": np.bool_(True)})
