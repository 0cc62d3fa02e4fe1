from __future__ import annotations

import math

import numpy as np
import onnx
import pytest

from support.onnx_models import FLOAT, ML, STRING, model_of, node, value
from vigie.training.graph.known_values import KnownValues


def known(*nodes: onnx.NodeProto, **constants: object) -> KnownValues:
    inputs = [value("word", STRING, [None, 1]), value("x", FLOAT, [None, 1])]
    return KnownValues(model_of(nodes, inputs, [value("y", FLOAT, [None, 1])], constants).graph)


def encoder(answers: list[int], **more: int) -> onnx.NodeProto:
    words = [f"word {place}" for place in range(len(answers))]
    return node(
        "LabelEncoder", ["word"], ["a"], domain=ML, keys_strings=words, values_int64s=answers,
        **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("look_up", "lowest"),
    [
        (encoder([2, 1], default_int64=0), 0),
        (encoder([2, 1], default_int64=3), 1),
        (encoder([2, -4], default_int64=0), -4),
        (encoder([2, 1]), -1),
        (encoder([2, 2**40], default_int64=0), -math.inf),
        (
            node("CategoryMapper", ["word"], ["a"], domain=ML, cats_strings=["b"],
                 cats_int64s=[5], default_int64=4), 4,
        ),
        (
            node("LabelEncoder", ["word"], ["a"], domain=ML, keys_strings=["b"],
                 values_floats=[0.5]), -math.inf,
        ),
    ],
)  # fmt: skip
def test_the_lowest_answer_of_a_look_up(look_up: onnx.NodeProto, lowest: float) -> None:
    assert known(look_up).lowest("a") == lowest


def test_what_moves_numbers_does_not_change_them() -> None:
    moved = known(
        encoder([2, 1], default_int64=0),
        node("Cast", ["a"], ["b"], to=FLOAT),
        node("Squeeze", ["b"], ["c"]),
        node("Cast", ["c"], ["d"], to=onnx.TensorProto.INT8),
    )
    assert moved.lowest("c") == 0
    assert moved.lowest("d") == -math.inf


def test_bounds_of_numbers() -> None:
    found = known(
        node("Relu", ["x"], ["a"]),
        node("Min", ["a", "few"], ["b"]),
        node("Min", ["x", "few"], ["c"]),
        node("Neg", ["a"], ["y"]),
        few=np.float32(-2),
    )
    assert [found.lowest(name) for name in ("a", "b", "c", "y", "x")] == [
        0, -2, -math.inf, -math.inf, -math.inf
    ]  # fmt: skip


def test_a_scalar_has_no_sizes() -> None:
    found = known(node("Relu", ["x"], ["y"]), one=np.int64(1), row=np.array([1]))
    assert found.scalar("one") == 1
    assert found.scalar("row") is None
    assert found.scalar("x") is None
    assert found.is_constant("row")
    assert not found.is_constant("x")


def test_a_node_of_another_domain_is_no_such_operator() -> None:
    found = known(node("Add", ["x", "x"], ["a"], domain="own"), node("Add", ["x", "x"], ["y"]))
    assert found.maker("a", "Add") is None
    assert found.maker("y", "Add", "Mul") is not None
    assert found.is_fixed("y")
    assert not found.is_fixed("a")
