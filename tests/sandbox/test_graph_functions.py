"""Local functions become part of the graph, unless they would hide or make too much."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import onnx.reference
import pytest
from onnx import helper

from support.onnx_models import doubling, node
from vigie.errors import RefusedPackage
from vigie.sandbox.graph import check_operators
from vigie.sandbox.graph_functions import without_functions


def function(name: str, nodes: Sequence[onnx.NodeProto], version: int = 17) -> onnx.FunctionProto:
    opsets = [helper.make_opsetid("", version), helper.make_opsetid("own", 1)]
    return helper.make_function("own", name, ["a"], ["b"], nodes, opsets)


def calling(name: str, *functions: onnx.FunctionProto) -> onnx.ModelProto:
    model = doubling(
        node(name, ["double"], ["y"], domain="own"), opsets={"": 17, "own": 1, "unused": 3}
    )
    model.functions.extend(functions)
    return model


def test_functions_of_functions_become_operators() -> None:
    model = calling(
        "Outer",
        function("Outer", [node("Inner", ["a"], ["c"], domain="own"), node("Neg", ["c"], ["b"])]),
        function("Inner", [node("Exp", ["a"], ["b"])]),
    )
    check_operators(model)
    plain = without_functions(model)
    assert not plain.functions
    assert [node.op_type for node in plain.graph.node] == ["Add", "Exp", "Neg"]
    assert [opset.domain for opset in plain.opset_import] == [""]
    x = np.ones((2, 1), np.float32)
    (answer,) = onnx.reference.ReferenceEvaluator(plain).run(None, {"x": x})
    np.testing.assert_allclose(answer, -np.exp(2 * x), rtol=1e-6)


def test_a_custom_operator_inside_of_a_function_is_named() -> None:
    branch = helper.make_graph(
        [node("Shell", ["a"], ["inner"], domain="evil")],
        "branch",
        [],
        [helper.make_tensor_value_info("inner", onnx.TensorProto.FLOAT, None)],
    )
    choice = node("If", ["a"], ["b"], then_branch=branch, else_branch=branch)
    with pytest.raises(RefusedPackage, match=r"not standard: evil \(Shell\)"):
        check_operators(calling("Outer", function("Outer", [choice])))


def test_a_function_that_calls_itself_is_refused() -> None:
    there = function("There", [node("Back", ["a"], ["b"], domain="own")])
    back = function("Back", [node("There", ["a"], ["b"], domain="own")])
    with pytest.raises(RefusedPackage, match="the function There calls itself"):
        without_functions(calling("There", there, back))


def test_functions_that_double_each_other_are_refused() -> None:
    levels = [
        function(
            f"F{level}",
            [
                node(f"F{level + 1}", ["a"], ["c"], domain="own"),
                node(f"F{level + 1}", ["c"], ["b"], domain="own"),
            ],
        )
        for level in range(30)
    ]
    last = function("F30", [node("Neg", ["a"], ["b"])])
    with pytest.raises(RefusedPackage, match="more than 200,000 operators"):
        without_functions(calling("F0", *levels, last))


def test_functions_in_a_long_row_are_refused() -> None:
    levels = [
        function(f"F{level}", [node(f"F{level + 1}", ["a"], ["b"], domain="own")])
        for level in range(60)
    ]
    last = function("F60", [node("Neg", ["a"], ["b"])])
    with pytest.raises(RefusedPackage, match="nested too deeply"):
        without_functions(calling("F0", *levels, last))


def test_a_function_of_another_version_is_named() -> None:
    with pytest.raises(RefusedPackage, match="the function Outer is of another version"):
        without_functions(
            calling("Outer", function("Outer", [node("Neg", ["a"], ["b"])], version=12))
        )
