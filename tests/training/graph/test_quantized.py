"""An int8 graph answers nearly as the float one that it was made of, and is smaller."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from vigie.engines.onnx import OnnxEngine
from vigie.errors import DataError
from vigie.sandbox.graph import check_graph
from vigie.training.graph.quantized import quantize_graph, row_milliseconds

SIDE, CHANNELS, LABELS = 32, 64, 3


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Photos uint8 [n, 32, 32, 3] -> two convolutions -> a softmax over three labels."""
    rng = np.random.default_rng(11)

    def weights(name: str, *shape: int) -> TensorProto:
        values = rng.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32)
        return numpy_helper.from_array(values, name)

    nodes = [
        helper.make_node("Cast", ["photo"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["number", "unit"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["first"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["first", "w1"], ["c1"], kernel_shape=[3, 3]),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], kernel_shape=[3, 3]),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("GlobalAveragePool", ["r2"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w3"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["scores"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "photos",
        [helper.make_tensor_value_info("photo", TensorProto.UINT8, [None, SIDE, SIDE, 3])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, LABELS])],
        [
            numpy_helper.from_array(np.array(1 / 255, np.float32), "unit"),
            weights("w1", CHANNELS, 3, 3, 3),
            weights("w2", CHANNELS, CHANNELS, 3, 3),
            weights("w3", CHANNELS, LABELS),
        ],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    path = tmp_path / "model.onnx"
    onnx.save(made, path)
    return path


def photos(count: int, seed: int = 5) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"photo": rng.integers(0, 256, (count, SIDE, SIDE, 3), np.uint8)}


def test_it_answers_nearly_alike_and_is_a_third_of_the_size(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "int8.onnx"
    quantize_graph(source, target, photos(27))
    check_graph(target)
    unseen = photos(20, seed=6)
    exact, close = (OnnxEngine(path).run(unseen)["scores"] for path in (source, target))
    assert 0 < np.abs(exact - close).max() < 0.02
    assert target.stat().st_size < source.stat().st_size / 3
    weights = [one for one in onnx.load(target).graph.initializer if one.data_type == 3]
    assert len(weights) >= 2


def test_both_are_timed_in_turns(source: Path) -> None:
    first, second = row_milliseconds([source, source], photos(1))
    assert 0 < first < 5 * second < 25 * first


def test_what_cannot_be_quantised_is_told(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "int8.onnx"
    with pytest.raises(DataError, match="at least 4 rows"):
        quantize_graph(source, target, photos(3))
    source.write_bytes(b"no graph")
    with pytest.raises(DataError, match="cannot make an int8 graph"):
        quantize_graph(source, target, photos(8))
    assert not target.exists()
