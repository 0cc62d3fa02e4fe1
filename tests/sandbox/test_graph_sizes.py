"""A value that is too large for any machine of ours is named before anything is computed."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from support.onnx_models import doubling, in_a_branch, looping, node, perceptron
from vigie.errors import RefusedPackage
from vigie.sandbox.graph_sizes import check_sizes

WIDE = np.array([1, 2_500_000_000], np.int64)


def large(maker: onnx.NodeProto, shape: np.ndarray) -> onnx.ModelProto:
    """y = 2 x, plus the largest number of something very large."""
    return doubling(
        maker,
        node("ReduceMax", ["large"], ["most"], keepdims=0),
        node("Add", ["double", "most"], ["y"]),
        constants={"shape": shape},
    )


@pytest.mark.parametrize("operator", ["Expand", "Tile", "ConstantOfShape"])
def test_a_value_of_10_gb_is_refused_by_its_operator(operator: str) -> None:
    taken = ["shape"] if operator == "ConstantOfShape" else ["x", "shape"]
    model = large(node(operator, taken, ["large"]), WIDE)
    with pytest.raises(RefusedPackage, match=f"operator {operator} makes 10,000,000,000 bytes"):
        check_sizes(model)


def test_a_value_inside_of_a_branch_is_refused_too() -> None:
    model = in_a_branch(node("Tile", ["x", "shape"], ["inner"]))
    shape = node("Constant", [], ["shape"], value=onnx.numpy_helper.from_array(WIDE))
    for attribute in model.graph.node[-1].attribute:
        attribute.g.node.insert(0, shape)
    with pytest.raises(RefusedPackage, match="operator Tile makes"):
        check_sizes(model)


def test_what_is_small_or_depends_on_the_rows_passes() -> None:
    check_sizes(perceptron())
    check_sizes(looping(2**31))
    check_sizes(large(node("Expand", ["x", "shape"], ["large"]), np.array([1, 9], np.int64)))
    # not valid: refused where it is loaded
    check_sizes(doubling(node("Add", ["x"], ["z"])))
