"""How far a graph may be from the model that it was made of: numbers, shares, vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from vigie.errors import DataError
from vigie.training.graph.agreement import compare_graph


def _echo(folder: Path, width: int) -> Path:
    """A graph that answers what it is given."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "echo",
        [value("x", TensorProto.FLOAT, [None, width])],
        [value("y", TensorProto.FLOAT, [None, width])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, folder / "echo.onnx")
    return folder / "echo.onnx"


@pytest.mark.parametrize(
    ("row", "off", "alike"),
    [
        ([1000.0], 0.05, True),
        ([1000.0], 0.2, False),
        ([0.9, 0.0], 2e-6, False),
        ([0.9, 0.0], 5e-7, True),
        # what is near 0 in a vector of large numbers is what is left of them
        ([20.0, 0.0], 1e-4, True),
        ([20.0, 0.0], 3e-4, False),
    ],
)
def test_answers_may_be_off_by_what_single_precision_loses(
    tmp_path: Path, row: list[float], off: float, alike: bool
) -> None:
    given = np.array([row], np.float32)
    expected = given.astype(np.float64)
    expected[0, -1] += off
    path = _echo(tmp_path, len(row))
    if alike:
        assert compare_graph(path, {"x": given}, {"y": expected}) < 1
        return
    with pytest.raises(DataError, match="answers otherwise than the model: y"):
        compare_graph(path, {"x": given}, {"y": expected})


def test_a_difference_in_a_vector_is_told_beside_its_largest_number(tmp_path: Path) -> None:
    given = np.array([[20, 0], [4, 1]], np.float32)
    expected = given + np.array([[0, 1e-4], [0, 0]], np.float32)
    worst = compare_graph(_echo(tmp_path, 2), {"x": given}, {"y": expected})
    assert worst == pytest.approx(5e-6, rel=0.01)
