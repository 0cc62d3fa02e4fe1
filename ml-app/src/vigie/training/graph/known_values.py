"""What can be told of the values of a graph without running it: constants, and how small one is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from onnx import TensorProto, numpy_helper

from vigie.sandbox.graph_parts import graphs_of, plain_domain

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

_MOVES = frozenset({"Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
_WIDE = frozenset({TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT32, TensorProto.INT64})
_LOOKUPS = {"CategoryMapper": "cats_int64s", "LabelEncoder": "values_int64s"}
"""Operators of `ai.onnx.ml`, and their attribute with the whole numbers that they answer."""
_SMALL = 2**24
"""Up to here every whole number is one of each wide type."""


class KnownValues:
    """The values of the outermost graph; a value that an inner graph takes too is left alone."""

    def __init__(self, graph: GraphProto) -> None:
        inner = list(graphs_of(graph))[1:]
        self._constants = {tensor.name: tensor for tensor in graph.initializer}
        self._makers = {name: node for node in graph.node for name in node.output}
        self._fixed = {value.name for part in (graph, *inner) for value in part.output}
        self._fixed |= {name for part in inner for node in part.node for name in node.input}

    def maker(self, name: str, *operators: str) -> NodeProto | None:
        """The node that makes a value, where it is one of these operators of `ai.onnx`."""
        node = self._makers.get(name)
        if node is None or plain_domain(node.domain) or node.op_type not in operators:
            return None
        return node

    def is_fixed(self, name: str) -> bool:
        """True for what is known by its name: an output, or what an inner graph takes."""
        return name in self._fixed

    def is_constant(self, name: str) -> bool:
        """True for what the graph holds, and does not compute."""
        return name in self._constants or self.maker(name, "Constant") is not None

    def scalar(self, name: str) -> float | None:
        """The number of a constant that has no sizes; nothing for any other value."""
        tensor = self._constants.get(name)
        if tensor is None or tensor.dims or tensor.data_type == TensorProto.STRING:
            return None
        return float(numpy_helper.to_array(tensor))

    def lowest(self, name: str) -> float:
        """A number that no number of the value is below, whatever the rows are."""
        while (node := self._makers.get(name)) is not None:
            if node.op_type in _LOOKUPS:
                return _lowest_of_lookup(node)
            if node.op_type == "Relu":
                return 0.0
            if node.op_type == "Min":
                return min(map(self.lowest, node.input))
            if node.op_type not in _MOVES and not _is_wide_cast(node):
                return -math.inf
            name = node.input[0]
        number = self.scalar(name)
        return -math.inf if number is None else number


def _is_wide_cast(node: NodeProto) -> bool:
    return node.op_type == "Cast" and any(
        attribute.name == "to" and attribute.i in _WIDE for attribute in node.attribute
    )


def _lowest_of_lookup(node: NodeProto) -> float:
    """The smallest number that a look-up answers; none where it answers texts, or large numbers."""
    given = {attribute.name: attribute for attribute in node.attribute}
    listed = given.get(_LOOKUPS[node.op_type])
    if listed is None:
        return -math.inf
    # -1 by the standard, where nothing is said
    unknown = given["default_int64"].i if "default_int64" in given else -1
    answers = [*listed.ints, unknown]
    return min(answers) if max(answers) <= _SMALL else -math.inf
