"""A package is tried on TensorFlow in the sandbox before it serves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import onnx
import orjson
import pytest
from onnx import helper

from support.keras_packages import change_weights, declare_too_much, write_keras_package
from support.packages import (
    HOUSING_ROWS,
    flooding_housing_graph,
    housing_document,
    housing_graph,
    write_package,
)
from vigie.engines.predictor import open_predictor
from vigie.errors import RefusedPackage
from vigie.models.manifest import write_manifest
from vigie.models.package import read_package
from vigie.registry.gate.integrity import verify_package
from vigie.registry.gate.probe import SandboxProbe
from vigie.sandbox.run import Limits
from vigie.sandbox.weights import check_hdf5, check_keras_weights
from vigie.settings import load_settings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_keras_package(tmp_path / "package")
    return tmp_path / "package"


def test_a_good_package_loads_and_answers_in_the_sandbox(root: Path) -> None:
    package = verify_package(root, write_manifest(root), "line", load_settings())
    predictor = open_predictor(package)
    answers = predictor.predict(predictor.decoder.decode([{"x": 3.0}]).columns)
    assert answers.outputs["y"].tolist() == [3.0]


def test_other_golden_answers_are_found_out(root: Path) -> None:
    golden = orjson.loads((root / "vigie/golden.json").read_bytes())
    golden["outputs"]["y"] = [1.5, 2.0]
    (root / "vigie/golden.json").write_bytes(orjson.dumps(golden))
    with pytest.raises(RefusedPackage, match="output y differs"):
        verify_package(root, write_manifest(root), "line", load_settings())


def test_a_model_that_does_not_fit_the_memory_is_refused(root: Path) -> None:
    # TensorFlow aborts where it gets no memory
    with pytest.raises(RefusedPackage, match=r"more memory|SIGABRT"):
        SandboxProbe(Limits(memory_bytes=2 * 2**20)).run(read_package(root, ""), "tensorflow")


def test_a_graph_that_asks_for_too_much_memory_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "package"
    write_package(root, housing_document(), housing_graph(), HOUSING_ROWS)
    onnx.save(flooding_housing_graph(), root / "vigie/model.onnx")
    with pytest.raises(RefusedPackage, match="more memory"):
        verify_package(root, write_manifest(root), "housing", load_settings())


def test_the_largest_batch_of_a_worker_must_fit_the_memory(tmp_path: Path) -> None:
    # a row becomes 16 MB and its mean: a few rows fit into a gigabyte, 201 do not
    shape = [32, 32, 3]
    nodes = [
        helper.make_node("Tile", ["x", "times"], ["wide"]),
        helper.make_node("ReduceMean", ["wide"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Reshape", ["mean", "column"], ["y"]),
    ]
    constants = {"times": [1, 36, 36, 1], "column": [-1, 1]}
    graph = helper.make_graph(
        nodes, "wide",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, *shape])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None, 1])],
        [onnx.numpy_helper.from_array(np.array(v), k) for k, v in constants.items()],
    )  # fmt: skip
    item = {
        "name": "x", "label": "x", "dtype": "float32", "tensor": "float32", "shape": shape,
        "example": None,
    }  # fmt: skip
    document = housing_document("wide") | {
        "inputs": [item], "outputs": [{"name": "y", "label": "y", "tensor": "y"}], "interval": None,
    }  # fmt: skip
    root = tmp_path / "package"
    rows = [{"x": np.ones(shape).tolist()}] * 2
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    package = read_package(root, write_package(root, document, model, rows))
    assert package.document.rows_at_once == 201
    told = "answering 201 rows at once, as a worker does, takes more memory than it may have"
    with pytest.raises(RefusedPackage, match=told):
        SandboxProbe(Limits(memory_bytes=2**30)).run(package, "onnx")


def _compressed(file: h5py.File) -> None:
    file.create_dataset("bomb", (2**20,), np.float32, compression="gzip")[:] = 0


def _soft_link(file: h5py.File) -> None:
    file["link"] = h5py.SoftLink("/nowhere")


def _other_file(file: h5py.File) -> None:
    file["link"] = h5py.ExternalLink("/etc/passwd", "/x")


def _external(file: h5py.File) -> None:
    file.create_dataset("out", (4,), np.float32, external=[("/etc/passwd", 0, 16)])


WEIGHTS: dict[str, tuple[Callable[[h5py.File], None], str]] = {
    "shape bomb": (declare_too_much, "declare more than the file holds"),
    "compressed": (_compressed, "declare more than the file holds"),
    "soft link": (_soft_link, "in another file"),
    "external link": (_other_file, "in another file"),
    "external data": (_external, "in another file"),
}


@pytest.mark.parametrize("case", WEIGHTS)
def test_weights_that_are_more_than_they_seem(root: Path, tmp_path: Path, case: str) -> None:
    change, reason = WEIGHTS[case]
    path = root / "data/model.keras"
    check_keras_weights(path, tmp_path)
    change_weights(path, change)
    with pytest.raises(RefusedPackage, match=reason):
        check_keras_weights(path, tmp_path)


def test_rubbish_is_no_hdf5(tmp_path: Path) -> None:
    (tmp_path / "x.h5").write_bytes(b"rubbish")
    with pytest.raises(RefusedPackage, match="not readable HDF5"):
        check_hdf5(tmp_path / "x.h5", "x.h5")
