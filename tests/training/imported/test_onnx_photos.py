"""ONNX graphs that take photos: channels last, channels first, with their scaling and without."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from support.imported_graphs import written
from vigie.engines.onnx import OnnxEngine
from vigie.errors import DataError
from vigie.models.reference_rows import Golden, with_arrays
from vigie.sandbox.graph import check_graph
from vigie.training.imported.inputs import InputTensor
from vigie.training.imported.onnx_model import to_package
from vigie.training.imported.onnx_photos import find_scaling
from vigie.training.imported.photos import PhotoOptions, Question, decide
from vigie.training.imported.scaling import NAMED

HEIGHT, WIDTH = 20, 24
KERNEL = np.random.default_rng(4).normal(size=(4, 3, 3, 3)).astype(np.float32) / 10


def graph_of(
    sizes: Sequence[int | str],
    element: int = TensorProto.FLOAT,
    steps: Sequence[tuple[str, str, float]] = (),
) -> onnx.ModelProto:
    """A convolution and its means; `steps` are operators before it, with a constant each."""
    nodes, name, weights = [], "x", {"kernel": KERNEL}
    if element != TensorProto.FLOAT:
        nodes.append(helper.make_node("Cast", [name], ["cast"], to=TensorProto.FLOAT))
        name = "cast"
    for place, (operator, side, number) in enumerate(steps):
        constant, made = f"constant{place}", f"step{place}"
        weights[constant] = np.array(number, np.float32)
        taken = [name, constant] if side == "left" else [constant, name]
        nodes.append(helper.make_node(operator, taken, [made]))
        name = made
    if sizes[-1] == 3:
        nodes.append(helper.make_node("Transpose", [name], ["first"], perm=[0, 3, 1, 2]))
        name = "first"
    nodes += [
        helper.make_node("Conv", [name, "kernel"], ["values"]),
        helper.make_node("ReduceMean", ["values"], ["scores"], axes=[2, 3], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes, "net",
        [helper.make_tensor_value_info("x", element, ["n", *sizes])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 4])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


LAYOUTS = {
    "channels last": (graph_of([HEIGHT, WIDTH, 3]), False),
    "channels first": (graph_of([3, HEIGHT, WIDTH]), True),
    "float16": (graph_of([3, HEIGHT, WIDTH], TensorProto.FLOAT16), True),
    "an open size": (graph_of([3, "height", "width"]), True),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_graph_gets_the_pixels_that_it_was_trained_on(tmp_path: Path, layout: str) -> None:
    model, first = LAYOUTS[layout]
    source = written(tmp_path, model)
    original = OnnxEngine(source)
    options = PhotoOptions(NAMED["imagenet-torch"], (HEIGHT, WIDTH)).to_dict()
    parts = to_package(tmp_path, str(source), ("a", "b", "c", "d"), (), (), options)
    (item,) = parts["inputs"]
    assert (item["name"], item["dtype"], item["shape"]) == ("photo", "image", (HEIGHT, WIDTH, 3))
    assert parts["scaling"]["name"] == "imagenet-torch"
    golden = with_arrays(
        Golden(rows=parts["rows"], outputs=parts["answers"]), tmp_path / "golden.npz"
    )
    photos = np.stack([row["photo"] for row in golden.rows])
    assert photos.dtype == np.uint8
    # by hand: what torchvision's ToTensor and Normalize give
    values = (photos / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    values = values.transpose(0, 3, 1, 2) if first else values
    kind = np.float16 if layout == "float16" else np.float32
    expected = original.run({"x": values.astype(kind)})["scores"]
    served = OnnxEngine(tmp_path / "model.onnx").run({"photo": photos})["scores"]
    np.testing.assert_allclose(served, expected, 1e-3 if kind == np.float16 else 1e-4, 1e-4)
    check_graph(tmp_path / "model.onnx")


def test_a_graph_that_is_fed_blue_first(tmp_path: Path) -> None:
    source = written(tmp_path, graph_of([3, HEIGHT, WIDTH]))
    original = OnnxEngine(source)
    options = PhotoOptions(NAMED["imagenet-caffe"]).to_dict()
    to_package(tmp_path, str(source), (), (), (), options)
    photo = np.random.default_rng(1).integers(0, 256, (1, HEIGHT, WIDTH, 3)).astype(np.uint8)
    turned = photo[..., ::-1].astype(np.float32) - np.array([103.939, 116.779, 123.68], np.float32)
    expected = original.run({"x": np.ascontiguousarray(turned.transpose(0, 3, 1, 2))})
    served = OnnxEngine(tmp_path / "model.onnx").run({"photo": photo})
    np.testing.assert_allclose(served["scores"], expected["scores"], 1e-4, 1e-4)


def test_what_is_not_said_is_asked_for(tmp_path: Path) -> None:
    source = written(tmp_path, graph_of([3, "height", "width"]))
    question = to_package(tmp_path, str(source), (), (), ())["question"]
    assert Question.from_dict(question) == Question(None, True, None)


def test_numbers_of_an_open_size_are_refused_as_before(tmp_path: Path) -> None:
    source = written(tmp_path, graph_of([3, "height", "width"]))
    with pytest.raises(DataError, match="leaves size 3 open"):
        to_package(tmp_path, str(source), (), (), (), PhotoOptions(as_numbers=True).to_dict())


FOUND = {
    "a product": ([("Mul", "left", 1 / 255)], True),
    "a product from the left": ([("Mul", "right", 1 / 127.5)], True),
    "a division": ([("Div", "left", 255.0)], True),
    "something divided by it": ([("Div", "right", 255.0)], False),
    "some other factor": ([("Mul", "left", 2.0)], False),
    "a sum": ([("Add", "left", 1.0)], False),
    "nothing": ([], False),
}


@pytest.mark.parametrize("case", FOUND)
def test_what_a_graph_shows(case: str) -> None:
    steps, certain = FOUND[case]
    for element in (TensorProto.FLOAT, TensorProto.FLOAT16):
        found = find_scaling(graph_of([HEIGHT, WIDTH, 3], element, steps).graph, "x")
        assert bool(found and found.certain) == certain


def test_pixels_as_bytes_are_certain() -> None:
    taken = decide([InputTensor("x", "uint8", (3, 32, 32))], PhotoOptions(), lambda: None)
    assert not isinstance(taken, Question)
    assert taken is not None
