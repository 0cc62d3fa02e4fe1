"""What a graph computes of sizes that are known is a constant."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator

from vigie.sandbox.graph_parts import plain_domain
from vigie.training.graph.constant_shapes import known_sizes

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

    from vigie.training.graph.constant_shapes import Sizes

_ARITHMETIC = frozenset(
    {"Add", "Cast", "Concat", "Gather", "Max", "Min", "Mul", "Slice", "Squeeze", "Sub", "Unsqueeze"}
)
_WHOLE = frozenset({TensorProto.INT32, TensorProto.INT64})
_MOST_NUMBERS = 64
"""A shape has no more of them; what is larger is a weight."""


def fold_shapes(model: ModelProto) -> None:
    """Puts constants in the place of nodes that compute with known sizes alone."""
    graph = model.graph
    folding = _Folding(model)
    outputs = {value.name for value in graph.output}
    kept = []
    for node in graph.node:
        value = None if outputs.intersection(node.output) else folding.value_of(node)
        if value is None:
            kept.append(node)
        else:
            folding.values[node.output[0]] = value
            graph.initializer.append(numpy_helper.from_array(value, node.output[0]))
    del graph.node[:]
    graph.node.extend(kept)


class _Folding:
    """The values that are known so far; the nodes are looked at in the order of the graph."""

    def __init__(self, model: ModelProto) -> None:
        graph = model.graph
        self.values = _small_constants(graph)
        self._shapes = {n.output[0]: n.input[0] for n in graph.node if _is_shape(n)}
        self._sizes = known_sizes(model) if self._shapes else {}
        self._opsets = {opset.domain: opset.version for opset in model.opset_import}

    def value_of(self, node: NodeProto) -> np.ndarray | None:
        """What a node computes, where it is known."""
        if plain_domain(node.domain):
            return None
        if _is_shape(node):
            return _whole(self._sizes.get(node.input[0]))
        if node.op_type == "Gather" and node.input[0] in self._shapes:
            return self._some_sizes(node)
        if node.op_type in _ARITHMETIC and all(name in self.values for name in node.input):
            given = {name: self.values[name] for name in node.input}
            (value,) = ReferenceEvaluator(node, opsets=self._opsets).run(None, given)
            return value if value.size <= _MOST_NUMBERS else None
        return None

    def _some_sizes(self, node: NodeProto) -> np.ndarray | None:
        """Those that a node picks, though others are open."""
        sizes = self._sizes.get(self._shapes[node.input[0]])
        places = self.values.get(node.input[1])
        if sizes is None or places is None or np.abs(places + 0.5).max(initial=0) > len(sizes):
            return None
        picked = _whole([sizes[place] for place in places.ravel().tolist()])
        return None if picked is None else picked.reshape(places.shape)


def _is_shape(node: NodeProto) -> bool:
    return node.op_type == "Shape" and not node.attribute and not plain_domain(node.domain)


def _whole(sizes: Sizes | list[int | None] | None) -> np.ndarray | None:
    known = [size for size in sizes or () if size is not None]
    return np.array(known, np.int64) if sizes is not None and len(known) == len(sizes) else None


def _small_constants(graph: GraphProto) -> dict[str, np.ndarray]:
    return {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in graph.initializer
        if tensor.data_type in _WHOLE and math.prod(tensor.dims) <= _MOST_NUMBERS
    }
