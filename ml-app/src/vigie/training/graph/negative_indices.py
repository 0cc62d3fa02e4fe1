"""Keras counts negative indices of an embedding from its end; most look-ups give none."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations, product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import NodeProto

    from vigie.training.graph.known_values import KnownValues


def index_without_wrap(node: NodeProto, known: KnownValues) -> str | None:
    """The index that a node gives as it is: `index + size` where it is below 0, and it never is.

    Nothing for any other node, and for an index that may be below 0.
    """
    for condition, wrapped, index in _choices(node, known):
        less, added = known.maker(condition, "Less"), known.maker(wrapped, "Add")
        if less is None or added is None or known.scalar(less.input[1]) != 0:
            continue
        compared = known.maker(less.input[0], "Cast")
        if index not in (less.input[0], compared.input[0] if compared else None):
            continue
        sizes = [known.scalar(name) for name in added.input if name != index]
        if len(sizes) == 1 and sizes[0] is not None and known.lowest(index) >= 0:
            return index
    return None


def _choices(node: NodeProto, known: KnownValues) -> Iterator[tuple[str, str, str]]:
    """A condition, what is taken where it holds, and what where it does not.

    tf2onnx writes most of them as a sum of products with 0 and 1.
    """
    if node.op_type == "Where":
        yield node.input[0], node.input[1], node.input[2]
    if node.op_type != "Add":
        return
    for one, other in permutations(node.input):
        factors = product(_factors(one, known), _factors(other, known))
        for (condition, value), (negated, otherwise) in factors:
            no = known.maker(negated, "Not")
            if no is not None and no.input[0] == condition:
                yield condition, value, otherwise


def _factors(name: str, known: KnownValues) -> Iterator[tuple[str, str]]:
    """Of a product what was cast to a number, and the other factor."""
    times = known.maker(name, "Mul")
    for flag, value in permutations(times.input) if times else ():
        cast = known.maker(flag, "Cast")
        if cast is not None:
            yield cast.input[0], value
