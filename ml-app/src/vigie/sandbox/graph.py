"""What an ONNX graph may hold: standard operators, and no data outside the file."""

from __future__ import annotations

from pathlib import Path

import onnx

from vigie.errors import RefusedPackage

STANDARD_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})


def check_graph(path: Path) -> None:
    """Refuses a graph with operators outside the standard, or with data in other files."""
    try:
        model = onnx.load(path, load_external_data=False)
    except MemoryError:
        raise
    except Exception:
        raise RefusedPackage(f"vigie/{path.name} cannot be parsed") from None
    domains = {opset.domain for opset in model.opset_import}
    domains |= {node.domain for node in _nodes(model.graph)}
    if unknown := sorted(domains - STANDARD_DOMAINS):
        raise RefusedPackage(f"the graph has operators that are not standard: {unknown[0]}")
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
