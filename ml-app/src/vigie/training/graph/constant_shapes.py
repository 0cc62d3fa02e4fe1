"""Shapes that a graph computes for each call though all of their sizes but one are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vigie.sandbox.graph_sizes import with_shapes

if TYPE_CHECKING:
    from onnx import ModelProto, TypeProto

Sizes = tuple[int | None, ...]
"""The sizes of a value, `None` where one depends on the rows."""


def known_sizes(model: ModelProto) -> dict[str, Sizes]:
    """The sizes of the values of the outermost graph, as far as the standard tells them."""
    graph = with_shapes(model).graph
    values = [*graph.input, *graph.value_info, *graph.output]
    found = {value.name: _sizes(value.type) for value in values}
    found |= {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    return {name: sizes for name, sizes in found.items() if sizes is not None}


def constant_shape(sizes: Sizes | None) -> np.ndarray | None:
    """What `Reshape` is told to give these sizes; nothing where several are open, or none is sure.

    An empty size leaves open what the open one is.
    """
    if sizes is None or sizes.count(None) > 1 or 0 in sizes:
        return None
    return np.array([-1 if size is None else size for size in sizes], np.int64)


def same_layout(one: Sizes | None, other: Sizes | None) -> bool:
    """True where as many numbers in these sizes lie alike: one size may be open, in both."""
    return one is not None and one == other and constant_shape(one) is not None


def _sizes(kind: TypeProto) -> Sizes | None:
    if not kind.HasField("tensor_type") or not kind.tensor_type.HasField("shape"):
        return None
    dims = kind.tensor_type.shape.dim
    return tuple(dim.dim_value if dim.HasField("dim_value") else None for dim in dims)
