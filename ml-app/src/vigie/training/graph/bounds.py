"""The lower of two bounds where the other one holds it already: `ReLU` with a highest value."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import NodeProto

    from vigie.training.graph.known_values import KnownValues


def value_without_bound(node: NodeProto, known: KnownValues) -> str | None:
    """The value that a `Max` gives as it is, for no number of it is below the other one.

    Nothing for any other node.
    """
    if node.op_type != "Max" or len(node.input) != 2:
        return None
    value: str
    for value, bound in permutations(node.input):
        number = known.scalar(bound)
        if number is not None and known.lowest(value) >= number:
            return value
    return None
