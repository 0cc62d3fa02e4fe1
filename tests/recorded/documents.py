"""What the recorded models say of themselves, and their graphs: exact on every machine."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from recorded.support import housing_document, iris_document

Document = dict[str, Any]

INTERVAL = {"level": 0.9, "scale": "log", "sizes": [100000.0, 400000.0], "widths": [0.1, 0.25]}


def housing() -> Document:
    """A regression with every kind of scalar input, of made-up data."""
    document = housing_document()
    origin = {"source": {"en": "Sales of a test", "fr": "Ventes d'un test"}, "rows": 123456}
    return {**document, "provenance": {**document["provenance"], **origin}}


def iris() -> Document:
    """A classification whose labels have texts, but for one."""
    texts = {
        "setosa": {"en": "Bristle iris", "fr": "Iris soyeux"},
        "virginica": {"en": "Virginia iris", "fr": "Iris de Virginie"},
    }
    metrics = {"accuracy": 0.9733, "macro_f1": 0.97, "log_loss": 0.123456789}
    return {**iris_document(), "label_texts": texts, "metrics": metrics}


def appraisal() -> Document:
    """`housing` with an interval and every figure of quality."""
    document = housing_document("appraisal")
    metrics = {
        "mae": 23456.789,
        "rmse": 1234567.0,
        "r2": 0.87654321,
        "mape": 0.1234,
        "median_ape": 0.0005,
        "interval_coverage": 0.9,
        "interval_relative_width": 0.5,
    }
    origin = {
        "source": {"en": "Real sales", "fr": "Vraies ventes"},
        "rows": 1234567,
        "trained_at": "2026-07-01T22:30:00+00:00",
        "data_sha256": "0" * 64,
        "rules": [{"name": "no price", "dropped": 12}],
    }
    title = {"en": "Appraisal", "fr": "Estimation"}
    return {
        **document,
        "title": title,
        "interval": INTERVAL,
        "metrics": metrics,
        "provenance": origin,
    }


def figures() -> Document:
    """One number in, the same number out in several units."""
    outputs: list[tuple[str, str | None, int | None]] = [
        ("euros", "EUR", 2),
        ("dollars", "USD", 0),
        ("pounds", "GBP", None),
        ("energy", "kWh", 3),
        ("plain", None, None),
        ("fine", None, 8),
    ]
    return {
        "format": 1,
        "name": "figures",
        "title": {"en": "Figures", "fr": "Chiffres"},
        "task": "regression",
        "inputs": [
            {
                "name": "x",
                "label": {"en": "Number", "fr": "Nombre"},
                "dtype": "float32",
                "tensor": "float32",
                "range": [-1234567.5, 9876.54321],
                "help": {"en": "Any number.", "fr": "Un nombre."},
                "example": 0.25,
            }
        ],
        "outputs": [
            {"name": name, "label": name.title(), "tensor": name}
            | ({"unit": unit} if unit else {})
            | ({} if decimals is None else {"decimals": decimals})
            for name, unit, decimals in outputs
        ],
        "provenance": {"source": "made for a test", "rows": 1000, "trained_at": "2025-12-31"},
        "metrics": {"mae": 0.00012345, "rmse": 1e-7, "skill": 1234.5},
    }


def figures_graph() -> onnx.ModelProto:
    """Every output is the input."""
    names = [output["name"] for output in figures()["outputs"]]
    return _graph(
        [helper.make_node("Identity", ["x"], [name]) for name in names],
        {"x": (TensorProto.FLOAT, [None, 1])},
        {name: [None, 1] for name in names},
    )


def brittle() -> Document:
    """Answers 1 / x, so 0 breaks it; and fails itself where `place` is above 1."""
    return {
        "format": 1,
        "name": "brittle",
        "title": "Brittle",
        "task": "regression",
        "inputs": [
            {"name": "x", "label": "X", "dtype": "float32", "tensor": "float32", "example": 4.0},
            {"name": "place", "label": "Place", "dtype": "int64", "tensor": "int64", "example": 1},
        ],
        "outputs": [{"name": "y", "label": "Y", "tensor": "y"}],
        "provenance": {"source": "made for a test"},
    }


def brittle_graph() -> onnx.ModelProto:
    """y = table[place] / x."""
    return _graph(
        [
            helper.make_node("Gather", ["table", "place"], ["found"]),
            helper.make_node("Div", ["found", "x"], ["y"]),
        ],
        {"x": (TensorProto.FLOAT, [None, 1]), "place": (TensorProto.INT64, [None, 1])},
        {"y": [None, 1]},
        {"table": np.array([2, 1], np.float32)},
    )


def ticket() -> Document:
    """Integers and texts of every kind: choices closed and open, no limits, one limit."""
    item = {"dtype": "int64", "tensor": "int64"}
    return {
        "format": 1,
        "name": "ticket",
        "title": {"en": "Ticket", "fr": "Billet"},
        "task": "regression",
        "inputs": [
            {
                "name": "code",
                "label": {"en": "Code", "fr": "Code"},
                "dtype": "int64",
                "tensor": "string",
                "choices": {"values": ["1", "20", "300"], "policy": "closed"},
                "example": 20,
            },
            {
                "name": "note",
                "label": {"en": "Note", "fr": "Note"},
                "dtype": "string",
                "tensor": "string",
                "required": False,
                "missing": {"fill": "none"},
                "help": {"en": "Any text <b>.", "fr": "Un texte <b>."},
                "example": "as usual",
            },
            {"name": "count", "label": "Count", **item, "example": 3},
            {"name": "floor", "label": "Floor", **item, "limits": [0, None], "example": 2},
            {
                "name": "level",
                "label": "Level",
                "dtype": "float32",
                "tensor": "float32",
                "limits": [None, 2.5],
                "range": [-12345.678, 2],
                "example": -0.5,
            },
        ],
        "outputs": [{"name": "score", "label": "Score", "tensor": "score", "decimals": 1}],
        "provenance": {"source": "made for a test", "trained_at": "last week"},
    }


def ticket_graph() -> onnx.ModelProto:
    """The sum of all, with a look-up of the texts."""
    keys: dict[str, dict[str, int]] = {"code": {"1": 1, "20": 20}, "note": {"none": 100}}
    lookups = [
        helper.make_node(
            "LabelEncoder",
            [name],
            [f"{name}_n"],
            domain="ai.onnx.ml",
            keys_strings=list(table),
            values_int64s=list(table.values()),
            default_int64=-1,
        )
        for name, table in keys.items()
    ]
    casted = {"code_n": "a", "note_n": "b", "count": "c", "floor": "d"}
    casts = [
        helper.make_node("Cast", [name], [output], to=TensorProto.FLOAT)
        for name, output in casted.items()
    ]
    return _graph(
        [
            *lookups,
            *casts,
            helper.make_node("Sum", [*casted.values(), "level"], ["score"]),
        ],
        {
            "code": (TensorProto.STRING, [None, 1]),
            "note": (TensorProto.STRING, [None, 1]),
            "count": (TensorProto.INT64, [None, 1]),
            "floor": (TensorProto.INT64, [None, 1]),
            "level": (TensorProto.FLOAT, [None, 1]),
        },
        {"score": [None, 1]},
    )


def place() -> Document:
    """An embedding: a list in, a longer list out."""
    return {
        "format": 1,
        "name": "place",
        "title": {"en": "Place", "fr": "Lieu"},
        "task": "embedding",
        "inputs": [
            {
                "name": "v",
                "label": {"en": "Vector", "fr": "Vecteur"},
                "dtype": "float32",
                "tensor": "float32",
                "shape": [2, 2],
                "example": [[1.5, 2], [3, 4]],
            }
        ],
        "outputs": [{"name": "point", "label": "Point", "tensor": "point", "shape": [12]}],
        "provenance": {"source": "made for a test"},
    }


def place_graph() -> onnx.ModelProto:
    """The input three times."""
    return _graph(
        [
            helper.make_node("Reshape", ["v", "flat"], ["row"]),
            helper.make_node("Concat", ["row", "row", "row"], ["point"], axis=1),
        ],
        {"v": (TensorProto.FLOAT, [None, 2, 2])},
        {"point": [None, 12]},
        {"flat": np.array([-1, 4])},
    )


def _graph(
    nodes: list[onnx.NodeProto],
    inputs: dict[str, tuple[int, list[int | None]]],
    outputs: dict[str, list[int | None]],
    constants: dict[str, np.ndarray] | None = None,
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info(name, *kind) for name, kind in inputs.items()],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in outputs.items()
        ],
        [onnx.numpy_helper.from_array(v, name) for name, v in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 2)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)
