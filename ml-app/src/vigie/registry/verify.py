"""What a package must show before it may serve: who made it, then bytes, parts, answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import onnx

from vigie.engines.deferred import DeferredEngine
from vigie.engines.predictor import Predictor, open_predictor
from vigie.engines.trial import try_on_tensorflow
from vigie.errors import RefusedPackage, VigieError
from vigie.models.harmless import check_harmless
from vigie.models.keras_archive import check_keras_file
from vigie.models.manifest import verify_manifest
from vigie.models.package import Package, read_package
from vigie.models.signing import verify_signature

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

STANDARD_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})


def verify_package(
    root: Path, digest: str, name: str, engine: str = "auto", keys: Sequence[Ed25519PublicKey] = ()
) -> Predictor:
    """A predictor for the package in `root`; `RefusedPackage` says why it must not serve.

    Where there are `keys`, one of them must have signed it: that is looked at first.
    """
    verify_signature(root, keys)
    verify_manifest(root, digest)
    check_harmless(root)
    package = read_package(root, digest)
    if package.document.name != name:
        raise RefusedPackage(f"the package says that it is {package.document.name}, not {name}")
    check_graph(package)
    if package.keras_path.exists():
        check_keras_file(package.keras_path)
    wanted = package.document.engine if engine == "auto" else engine
    try:
        if wanted == "tensorflow":
            try_on_tensorflow(package)
            return _when_asked(package)
        predictor = open_predictor(package, engine)
        predictor.check_golden()
    except RefusedPackage:
        raise
    except VigieError as failure:
        raise RefusedPackage(f"the golden rows fail: {failure}") from None
    except Exception as failure:
        # whatever is wrong with a package, the registry process goes on
        raise RefusedPackage(f"the model cannot be run ({type(failure).__name__})") from None
    return predictor


def _when_asked(package: Package) -> Predictor:
    """A predictor that loads TensorFlow only where somebody asks it."""
    return Predictor(
        package,
        DeferredEngine("tensorflow", lambda: open_predictor(package, "tensorflow").engine),
    )


def check_graph(package: Package) -> None:
    """Refuses a graph with operators outside the standard, or with data in other files."""
    if not package.onnx_path.is_file():
        if package.document.engine == "onnx":
            raise RefusedPackage("vigie/model.onnx is missing")
        return
    try:
        model = onnx.load(package.onnx_path, load_external_data=False)
    except Exception:
        raise RefusedPackage("vigie/model.onnx cannot be parsed") from None
    domains = {opset.domain for opset in model.opset_import}
    domains |= {node.domain for node in _nodes(model.graph)}
    if foreign := sorted(domains - STANDARD_DOMAINS):
        raise RefusedPackage(f"the graph has operators that are not standard: {foreign[0]}")
    if model.functions:
        raise RefusedPackage("the graph has functions of its own")
    for tensor in _tensors(model.graph):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise RefusedPackage("the graph keeps data in another file")


def _graphs(graph: onnx.GraphProto) -> list[onnx.GraphProto]:
    found = [graph]
    for node in graph.node:
        for attribute in node.attribute:
            inner = [attribute.g] if attribute.HasField("g") else []
            for child in [*inner, *attribute.graphs]:
                found.extend(_graphs(child))
    return found


def _nodes(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    return [node for part in _graphs(graph) for node in part.node]


def _tensors(graph: onnx.GraphProto) -> list[onnx.TensorProto]:
    found = [tensor for part in _graphs(graph) for tensor in part.initializer]
    for node in _nodes(graph):
        for attribute in node.attribute:
            found.extend(attribute.tensors)
            if attribute.HasField("t"):
                found.append(attribute.t)
    return found
