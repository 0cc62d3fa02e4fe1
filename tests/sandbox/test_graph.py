"""What an ONNX file may hold: each thing that it may not is refused by its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from support.onnx_models import doubling, in_a_branch, looping, node, perceptron
from vigie.errors import RefusedPackage
from vigie.sandbox.graph import MOST_BYTES, check_graph


def written(folder: Path, model: onnx.ModelProto) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_a_graph_of_standard_operators_passes(tmp_path: Path) -> None:
    for model in (perceptron(), looping(3), in_a_branch(node("Neg", ["x"], ["inner"]))):
        check_graph(written(tmp_path, model))


def external(location: str) -> onnx.ModelProto:
    model = perceptron()
    tensor = model.graph.initializer[0]
    onnx.external_data_helper.set_external_data(tensor, location)
    tensor.ClearField("raw_data")
    return model


def external_in_a_branch() -> onnx.ModelProto:
    constant = numpy_helper.from_array(np.zeros(2, np.float32), "inside")
    onnx.external_data_helper.set_external_data(constant, "weights.bin")
    constant.ClearField("raw_data")
    return in_a_branch(node("Constant", [], ["inner"], value=constant))


def claiming(dims: list[int], **stored: object) -> onnx.ModelProto:
    model = doubling()
    model.graph.initializer.append(
        TensorProto(name="huge", data_type=TensorProto.FLOAT, dims=dims, **stored)
    )
    return model


def sparse(dims: list[int]) -> onnx.ModelProto:
    model = doubling()
    values = numpy_helper.from_array(np.ones(1, np.float32), "thin")
    places = numpy_helper.from_array(np.zeros(1, np.int64), "places")
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, dims))
    return model


def scanning(operator: str, domain: str) -> onnx.ModelProto:
    body = helper.make_graph(
        [node(operator, ["row"], ["made"], domain=domain)],
        "body",
        [helper.make_tensor_value_info("row", TensorProto.FLOAT, None)],
        [helper.make_tensor_value_info("made", TensorProto.FLOAT, None)],
    )
    return doubling(node("Scan", ["x"], ["z"], body=body, num_scan_inputs=1))


def training() -> onnx.ModelProto:
    model = doubling()
    model.training_info.add()
    return model


FAULTS: dict[str, tuple[Callable[[], onnx.ModelProto], str]] = {
    "custom operator": (
        lambda: doubling(node("FusedMatMul", ["x", "x"], ["z"], domain="com.microsoft")),
        r"not standard: com\.microsoft \(FusedMatMul\)$",
    ),
    "custom operator in a branch": (
        lambda: in_a_branch(node("Run", ["x"], ["inner"], domain="evil")),
        r"not standard: evil \(Run\)$",
    ),
    "custom operator in a scan": (
        lambda: scanning("PyOp", "ai.onnx.contrib"),
        r"not standard: ai\.onnx\.contrib \(PyOp\)$",
    ),
    "operator that nobody knows": (
        lambda: doubling(node("Fly", ["x"], ["z"])),
        "not in the standard: Fly$",
    ),
    "data outside": (
        lambda: external("model.onnx.data"),
        r"data in another file: the constant 0\.weight; save it as one file: onnx\.save\(",
    ),
    "absolute path": (lambda: external("/etc/passwd"), r"the constant 0\.weight"),
    "path upwards": (lambda: external("../../secret"), r"the constant 0\.weight"),
    "data outside, in a branch": (external_in_a_branch, "the constant inside"),
    "claim of 10 GB": (
        lambda: claiming([50_000, 50_000], raw_data=b"\0\0\0\0"),
        "the constant huge claims 2,500,000,000 values and holds 1$",
    ),
    "claim of 10 GB, of no bytes": (
        lambda: claiming([2**32, 2**31]),
        "the constant huge claims 9,223,372,036,854,775,808 values and holds 0$",
    ),
    "size below zero": (lambda: claiming([-1], raw_data=b"\0\0\0\0"), "a size below zero"),
    "sparse constant of 10 GB": (
        lambda: sparse([50_000, 50_000]),
        "the constant thin unpacks to 10,000,000,000 bytes",
    ),
    "constant of no type": (
        lambda: doubling(node("Constant", [], ["c"], value=TensorProto(data_type=77))),
        "a type that the standard does not have",
    ),
    "training": (training, "export the model for inference"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_must_not_be_in_it_is_refused_by_name(tmp_path: Path, fault: str) -> None:
    make, reason = FAULTS[fault]
    path = written(tmp_path, make())
    with pytest.raises(RefusedPackage, match=reason):
        check_graph(path)


@pytest.mark.parametrize("kind", [TensorProto.INT4, TensorProto.UINT4, TensorProto.FLOAT16])
def test_small_values_that_stand_together_pass(tmp_path: Path, kind: int) -> None:
    constant = helper.make_tensor("small", kind, [5], [0, 1, 2, 3, 4])
    check_graph(written(tmp_path, doubling(node("Constant", [], ["c"], value=constant))))


CONTENTS = {
    "a web page": (b"<!DOCTYPE html><html></html>", "is no ONNX file, or is cut short"),
    "an archive": (b"PK\x03\x04" + bytes(200), "is no ONNX file, or is cut short"),
    "nothing": (b"", "holds no graph"),
    "half of a model": (perceptron().SerializeToString()[:150], "is cut short"),
}


@pytest.mark.parametrize("content", CONTENTS)
def test_a_file_that_is_no_onnx(tmp_path: Path, content: str) -> None:
    written_bytes, reason = CONTENTS[content]
    path = tmp_path / "model.onnx"
    path.write_bytes(written_bytes)
    with pytest.raises(RefusedPackage, match=reason):
        check_graph(path)


def test_a_file_of_10_gb_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    with path.open("wb") as file:
        file.truncate(10 * 10**9)
    with pytest.raises(RefusedPackage, match=f"is larger than {MOST_BYTES} bytes"):
        check_graph(path)
