"""A package must show what it is before it may serve; each refusal gives its reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import orjson
import pytest
from onnx import TensorProto, helper

from support.packages import HOUSING_ROWS, housing_document, housing_graph, write_package
from vigie.engines.predictor import open_predictor
from vigie.errors import RefusedPackage
from vigie.models.manifest import write_manifest
from vigie.registry.gate.integrity import check_harmless, verify_package
from vigie.settings import load_settings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_package(tmp_path / "package", housing_document(), housing_graph(), HOUSING_ROWS)
    return tmp_path / "package"


def change_document(root: Path, file: str = "package.json", **changes: Any) -> None:
    path = root / "vigie" / file
    path.write_bytes(orjson.dumps({**orjson.loads(path.read_bytes()), **changes}))


def change_graph(root: Path, change: Callable[[onnx.ModelProto], None]) -> None:
    path = root / "vigie/model.onnx"
    graph = onnx.load(path)
    change(graph)
    path.write_bytes(graph.SerializeToString())


def test_a_good_package_is_accepted_and_answers(root: Path) -> None:
    predictor = open_predictor(
        verify_package(root, write_manifest(root), "housing", load_settings())
    )
    answers = predictor.predict(predictor.decoder.decode(HOUSING_ROWS).columns)
    assert len(answers.outputs["price_eur"]) == 2


def _foreign(model: onnx.ModelProto) -> None:
    model.graph.node[-1].domain = "com.microsoft"


def _foreign_opset(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("ai.onnx.contrib", 1))


def _foreign_in_a_branch(model: onnx.ModelProto) -> None:
    inner = helper.make_node("PyOp", [], ["out"], domain="evil")
    value = helper.make_tensor_value_info("out", TensorProto.FLOAT, [1])
    branch = helper.make_graph([inner], "branch", [], [value])
    node = helper.make_node("If", ["condition"], ["z"], then_branch=branch, else_branch=branch)
    model.graph.node.append(node)


def _external(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    onnx.external_data_helper.set_external_data(tensor, "../../../../etc/passwd")
    tensor.ClearField("raw_data")


def _external_constant(model: onnx.ModelProto) -> None:
    tensor = onnx.numpy_helper.from_array(np.zeros(2, np.float32), "c")
    onnx.external_data_helper.set_external_data(tensor, "weights.bin")
    tensor.ClearField("raw_data")
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=tensor))


def _function(model: onnx.ModelProto) -> None:
    opsets = [helper.make_opsetid("", 17)]
    node = helper.make_node("Identity", ["a"], ["b"])
    model.functions.append(helper.make_function("", "Mine", ["a"], ["b"], [node], opsets))


def _other_weights(model: onnx.ModelProto) -> None:
    model.graph.CopyFrom(housing_graph(1.5).graph)


def _other_output(model: onnx.ModelProto) -> None:
    model.graph.node[-1].output[0] = model.graph.output[0].name = "worth"


def _other_shape(model: onnx.ModelProto) -> None:
    weights = onnx.numpy_helper.from_array(np.ones((6, 2), np.float32), "weights")
    model.graph.initializer[0].CopyFrom(weights)
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 2


def _garbage(root: Path) -> None:
    (root / "vigie/model.onnx").write_bytes(b"\xff" * 100)


def _graph(change: Callable[[onnx.ModelProto], None]) -> Callable[[Path], None]:
    return lambda root: change_graph(root, change)


def _document(**changes: Any) -> Callable[[Path], None]:
    return lambda root: change_document(root, **changes)


def _golden(**changes: Any) -> Callable[[Path], None]:
    return lambda root: change_document(root, "golden.json", **changes)


FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "custom operator": (_graph(_foreign), "not standard: com.microsoft"),
    "custom operator set": (_graph(_foreign_opset), "not standard: ai.onnx.contrib"),
    "custom operator in a branch": (_graph(_foreign_in_a_branch), "not standard: evil"),
    "external weights": (_graph(_external), "data in another file"),
    "external constant": (_graph(_external_constant), "data in another file"),
    "functions": (_graph(_function), "functions of its own"),
    "other weights": (_graph(_other_weights), "golden rows: output price_eur differs"),
    "other output": (_graph(_other_output), "no output named price_eur"),
    "other shape": (_graph(_other_shape), "golden rows: output price_eur has another shape"),
    "no graph": (lambda r: (r / "vigie/model.onnx").unlink(), "model.onnx is missing"),
    "rubbish for a graph": (_garbage, "cannot be parsed"),
    "empty graph": (_graph(lambda m: m.graph.Clear()), "vigie/model.onnx"),
    "other name": (_document(name="iris"), "says that it is iris, not housing"),
    "unknown key": (_document(surprise=1), "package.json: surprise"),
    "impossible interval": (_document(interval={"level": 2}), r"cannot be run \(KeyError\)"),
    "wrong golden answers": (_golden(outputs={"price_eur": [1.0, 2.0]}), "differs by up to"),
    "texts for golden answers": (_golden(outputs={"price_eur": ["a", "b"]}), "is no number"),
    "too few golden answers": (_golden(outputs={"price_eur": [1.0]}), "another shape"),
    "no golden answers": (_golden(outputs={}), "golden.json: outputs"),
    "golden rows that do not fit": (_golden(rows=[{"rooms": "x"}]), "the golden rows fail: "),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_package_is_refused_with_its_reason(root: Path, fault: str) -> None:
    plant, reason = FAULTS[fault]
    plant(root)
    with pytest.raises(RefusedPackage, match=reason) as refused:
        verify_package(root, write_manifest(root), "housing", load_settings())
    assert str(root) not in str(refused.value)


def test_the_digest_is_compared_before_anything_is_parsed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = write_manifest(root)
    _garbage(root)
    (root / "vigie/package.json").write_bytes(b"rubbish")
    monkeypatch.setattr("vigie.registry.gate.integrity.read_package", pytest.fail)
    with pytest.raises(RefusedPackage, match="sha256"):
        verify_package(root, digest, "housing", load_settings())


def test_what_mlflow_writes_is_harmless(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/keras_module.txt").write_text("keras")
    (tmp_path / "MLmodel").write_text(
        "flavors:\n  python_function:\n    loader_module: mlflow.keras\n"
    )
    check_harmless(tmp_path)


@pytest.mark.parametrize(
    "line", ["keras_module: evil", "{loader_module: 'evil'}", '"loader_module" : "evil"']
)
def test_a_module_of_somebody_else(tmp_path: Path, line: str) -> None:
    (tmp_path / "MLmodel").write_text(line)
    with pytest.raises(RefusedPackage, match="names a module to import"):
        check_harmless(tmp_path)


@pytest.mark.parametrize("name", ["model.pkl", "code/x.py", "x.SO"])
def test_code(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(RefusedPackage, match="code or a pickle"):
        check_harmless(tmp_path)
