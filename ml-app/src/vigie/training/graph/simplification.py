"""The graph that a converter wrote, without what the same answers do not need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import numpy_helper

from vigie.sandbox.graph_parts import needed_nodes, plain_domain, taken_by
from vigie.training.graph.bounds import value_without_bound
from vigie.training.graph.constant_shapes import constant_shape, known_sizes, same_layout
from vigie.training.graph.known_values import KnownValues
from vigie.training.graph.negative_indices import index_without_wrap
from vigie.training.graph.shape_arithmetic import fold_shapes

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

    from vigie.training.graph.constant_shapes import Sizes

_LAYOUTS = ("Flatten", "Reshape", "Squeeze", "Unsqueeze")
"""Operators that give the numbers of a value as they are, in other sizes."""


def simplify(model: ModelProto) -> None:
    """Leaves out of a graph what every row gets the same answer without.

    That is the wrap of indices that are never negative, a bound that nothing is below, shapes that
    are computed though they are known, and one change of sizes after another. Graphs inside of
    nodes stay as they are.
    """
    graph = model.graph
    _drop_needless(graph)
    before = -1
    # a shape that became a constant lets others be known
    while before != len(graph.node):
        before = len(graph.node)
        fold_shapes(model)
        _settle_layouts(model)
        _drop_unused(graph)


def _drop_needless(graph: GraphProto) -> None:
    """Takes out nodes that give what they take, for no row ever needs them."""
    known = KnownValues(graph)
    plain = {}
    for node in graph.node:
        same = index_without_wrap(node, known) or value_without_bound(node, known)
        if same is not None and not known.is_fixed(node.output[0]):
            plain[node.output[0]] = same
    _take_instead(graph, plain)


def _settle_layouts(model: ModelProto) -> None:
    """Each run of changes of sizes becomes one of a constant shape, or none."""
    graph, sizes = model.graph, known_sizes(model)
    known = KnownValues(graph)
    plain = {}
    for node in graph.node:
        if node.op_type not in _LAYOUTS or plain_domain(node.domain):
            continue
        first = node
        while (before := known.maker(first.input[0], *_LAYOUTS)) is not None:
            first = before
        source, made = first.input[0], sizes.get(node.output[0])
        if same_layout(sizes.get(source), made) and not known.is_fixed(node.output[0]):
            plain[node.output[0]] = source
        elif first is not node or _computes_shape(node, known):
            _reshape(graph, node, source, made)
    _take_instead(graph, plain)


def _computes_shape(node: NodeProto, known: KnownValues) -> bool:
    return node.op_type == "Reshape" and not known.is_constant(node.input[1])


def _reshape(graph: GraphProto, node: NodeProto, source: str, sizes: Sizes | None) -> None:
    """Makes a node the one change of sizes behind `source`, if its sizes are known."""
    shape = constant_shape(sizes)
    if shape is None:
        return
    name = f"{node.output[0]}/{'x'.join(map(str, shape.tolist()))}"
    if all(tensor.name != name for tensor in graph.initializer):
        graph.initializer.append(numpy_helper.from_array(shape, name))
    node.op_type = "Reshape"
    node.input[:] = [source, name]
    del node.attribute[:]


def _take_instead(graph: GraphProto, plain: dict[str, str]) -> None:
    """Every node takes the values of `plain` for those that they are the same as."""
    for node in graph.node:
        for place, taken in enumerate(node.input):
            name = taken
            while name in plain:
                name = plain[name]
            node.input[place] = name


def _drop_unused(graph: GraphProto) -> None:
    """Takes out nodes and constants that no output comes of."""
    outputs = {value.name for value in graph.output}
    nodes = needed_nodes(graph.node, outputs)
    used = outputs.union(*map(taken_by, nodes))
    for place in reversed(range(len(graph.initializer))):
        if graph.initializer[place].name not in used:
            del graph.initializer[place]
    values = [value for value in graph.value_info if value.name in used]
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.value_info.extend(values)
