"""How large the values of an ONNX graph become, as far as the graph itself tells."""

from __future__ import annotations

import contextlib
import math

import onnx
import onnx.shape_inference

from vigie.errors import RefusedPackage
from vigie.sandbox.graph import MOST_VALUE_BYTES
from vigie.sandbox.graph_parts import graphs_of, nodes_of, shown

_SHAPE_BYTES = 4096
"""A constant that says a shape is no larger."""


def check_sizes(model: onnx.ModelProto) -> None:
    """Refuses a graph with a value that is too large even for a single row.

    What depends on the rows shows when they are answered, under the sandbox's limit of memory.
    """
    graph = with_shapes(model).graph
    makers = {name: node for node in nodes_of(graph) for name in node.output}
    # the innermost first: what is too large inside of an `If` is what the `If` gives
    for part in reversed(list(graphs_of(graph))):
        for value in [*part.value_info, *part.output]:
            size = _bytes_of(value.type)
            if size > MOST_VALUE_BYTES and value.name in makers:
                node = makers[value.name]
                raise RefusedPackage(
                    f"the operator {shown(node.op_type)} makes {size:,} bytes of one value"
                )


def with_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy that knows its shapes, as far as the standard tells them, and not its weights."""
    graph = model.graph
    copy = onnx.ModelProto(
        ir_version=model.ir_version, opset_import=model.opset_import, functions=model.functions,
        graph=onnx.GraphProto(
            name=graph.name, node=graph.node, input=graph.input, output=graph.output,
            value_info=graph.value_info, sparse_initializer=graph.sparse_initializer,
        ),
    )  # fmt: skip
    for tensor in graph.initializer:
        if tensor.ByteSize() <= _SHAPE_BYTES:
            copy.graph.initializer.append(tensor)
        else:
            copy.graph.initializer.add(
                name=tensor.name, dims=tensor.dims, data_type=tensor.data_type
            )
    for part in graphs_of(copy.graph):
        for tensor in part.initializer:
            if len(tensor.raw_data) > _SHAPE_BYTES:
                tensor.ClearField("raw_data")
    # a graph that is not valid is refused where it is loaded
    with contextlib.suppress(Exception):
        return onnx.shape_inference.infer_shapes(copy, data_prop=True)
    return copy


def _bytes_of(kind: onnx.TypeProto) -> int:
    """The bytes of a tensor, an open size counted as one; 0 where the shape is not known."""
    if not kind.HasField("tensor_type") or not kind.tensor_type.HasField("shape"):
        return 0
    tensor = kind.tensor_type
    try:
        item = int(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).itemsize)
    except KeyError:
        return 0
    sizes: list[int] = [max(1, dim.dim_value) for dim in tensor.shape.dim]
    return item * math.prod(sizes)
