"""What an ONNX graph is made of, subgraphs of `If`, `Loop` and `Scan` included."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import onnx


def graphs_of(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """The graph, and every graph inside one of its nodes."""
    yield graph
    yield from _inside(graph.node)


def _inside(nodes: list[onnx.NodeProto]) -> Iterator[onnx.GraphProto]:
    for node in nodes:
        for attribute in node.attribute:
            inner = [attribute.g] if attribute.HasField("g") else []
            for child in [*inner, *attribute.graphs]:
                yield from graphs_of(child)


def nodes_of(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Every node, at whatever depth."""
    return [node for part in graphs_of(graph) for node in part.node]


def nodes_in(function: onnx.FunctionProto) -> list[onnx.NodeProto]:
    """Every node of a local function, at whatever depth."""
    inner = [node for part in _inside(function.node) for node in part.node]
    return [*function.node, *inner]


def tensors_in(nodes: list[onnx.NodeProto]) -> Iterator[onnx.TensorProto]:
    """The dense constants in the attributes of nodes."""
    for node in nodes:
        for attribute in node.attribute:
            yield from attribute.tensors
            if attribute.HasField("t"):
                yield attribute.t


def sparse_tensors_of(graph: onnx.GraphProto) -> Iterator[onnx.SparseTensorProto]:
    """Every sparse constant, at whatever depth."""
    for part in graphs_of(graph):
        yield from part.sparse_initializer
    for node in nodes_of(graph):
        for attribute in node.attribute:
            yield from attribute.sparse_tensors
            if attribute.HasField("sparse_tensor"):
                yield attribute.sparse_tensor


def tensors_of(graph: onnx.GraphProto) -> list[onnx.TensorProto]:
    """Every constant, at whatever depth; a sparse one as its values and its places."""
    found = [tensor for part in graphs_of(graph) for tensor in part.initializer]
    found += tensors_in(nodes_of(graph))
    for sparse in sparse_tensors_of(graph):
        found += [sparse.values, sparse.indices]
    return found


def needed_nodes(nodes: Sequence[onnx.NodeProto], wanted: Iterable[str]) -> list[onnx.NodeProto]:
    """The nodes that the wanted values come of, in their order."""
    wanted = set(wanted)
    kept = []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            wanted.update(taken_by(node))
            kept.append(node)
    return kept[::-1]


def taken_by(node: onnx.NodeProto) -> set[str]:
    """What a node takes, and what its subgraphs take from outside."""
    inner = [
        child
        for attribute in node.attribute
        for child in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs)
    ]
    names = {name for graph in inner for each in nodes_of(graph) for name in each.input}
    names |= {value.name for graph in inner for part in graphs_of(graph) for value in part.output}
    return names.union(node.input) - {""}


def plain_domain(domain: str) -> str:
    """The domain of an operator by its short name: `ai.onnx` is the empty one."""
    return "" if domain == "ai.onnx" else domain


def shown(name: str) -> str:
    """A name out of the file, short and printable."""
    return "".join(c if c.isprintable() else "?" for c in name[:64]) or "without a name"
