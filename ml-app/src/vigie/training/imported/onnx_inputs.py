"""The inputs of somebody's ONNX graph: what they are, and what they are fed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import helper

from vigie.errors import DataError
from vigie.sandbox.graph_parts import shown
from vigie.training.imported.inputs import InputTensor

if TYPE_CHECKING:
    from vigie.engines.base import Feeds
    from vigie.models.model_input import Input
    from vigie.training.imported.photos import TakenPhotos


def inputs_of(graph: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    """What the graph is fed; old files list their constants among it."""
    constants = {tensor.name for tensor in graph.initializer}
    constants |= {tensor.values.name for tensor in graph.sparse_initializer}
    return [value for value in graph.input if value.name not in constants]


def describe_tensors(graph: onnx.GraphProto, columns: Sequence[str]) -> list[InputTensor]:
    """The tensors that the graph takes, without their rows; `columns` settles an open width.

    Other sizes may be open: see `check_sizes`.
    """
    values = inputs_of(graph)
    if not values:
        raise DataError("the graph takes nothing")
    found = [_tensor(value) for value in values]
    if columns and len(found) == 1 and found[0].shape == (None,):
        found = [InputTensor(found[0].name, found[0].dtype, (len(columns),))]
    return found


def _tensor(value: onnx.ValueInfoProto) -> InputTensor:
    name, kind = shown(value.name), value.type.WhichOneof("value")
    if kind != "tensor_type":
        what = (kind or "untyped").removesuffix("_type").replace("_", " ")
        raise DataError(f"the input {name} is no tensor ({what}), and no request has anything else")
    tensor = value.type.tensor_type
    sizes = [dim.dim_value if dim.dim_value > 0 else None for dim in tensor.shape.dim]
    if not sizes:
        raise DataError(f"the input {name} does not say its sizes; export it with [rows, …]")
    if sizes[0] is not None:
        raise DataError(
            f"the input {name} is fixed at {sizes[0]} row{'s' if sizes[0] > 1 else ''}; "
            f"export the model with an open first size: {_dynamic(name, 0, 'rows')}"
        )
    # one number per row, without a size of its own, is one number per row
    return InputTensor(value.name, _kind(tensor.elem_type, name), tuple(sizes[1:]) or (1,))


def check_sizes(tensor: InputTensor) -> None:
    """Refuses a tensor with an open size, and says how to export it."""
    name = shown(tensor.name)
    for place, size in enumerate(tensor.shape, start=1):
        if size is None:
            columns = "; or name its columns with --columns" if len(tensor.shape) == 1 else ""
            raise DataError(
                f"the input {name} leaves size {place + 1} open, and only the first, the rows, may "
                f"be; export it without {_dynamic(name, place, '…')}{columns}"
            )


def _dynamic(name: str, place: int, what: str) -> str:
    return f"dynamic_axes={{'{name}': {{{place}: '{what}'}}}} of torch.onnx.export"


def _kind(element: int, name: str) -> str:
    try:
        kind = np.dtype(helper.tensor_dtype_to_np_dtype(element))
    except KeyError:
        raise DataError(f"the input {name} is of no type of the standard") from None
    return "string" if kind.hasobject else str(kind.name)


def original_feeds(
    graph: onnx.GraphProto,
    inputs: Sequence[Input],
    feeds: Feeds,
    photos: TakenPhotos | None = None,
) -> Feeds:
    """What the graph as it came takes for the rows that `feeds` has for the package's inputs."""
    found: Feeds = {}
    for value, own in inputs_by_value(graph, inputs):
        tensor = value.type.tensor_type
        array = np.concatenate([feeds[item.name] for item in own], axis=1)
        if photos is not None:
            array = photos.apply(array)
        if len(tensor.shape.dim) == 1:
            array = array.reshape(-1)
        if array.dtype != object:
            array = array.astype(helper.tensor_dtype_to_np_dtype(tensor.elem_type))
        found[value.name] = array
    return found


def inputs_by_value(
    graph: onnx.GraphProto, inputs: Sequence[Input]
) -> list[tuple[onnx.ValueInfoProto, Sequence[Input]]]:
    """Each value that the graph takes, with the package's inputs that it is made of."""
    values = inputs_of(graph)
    if len(values) == 1:
        return [(values[0], inputs)]
    return [(value, [item]) for value, item in zip(values, inputs, strict=True)]
