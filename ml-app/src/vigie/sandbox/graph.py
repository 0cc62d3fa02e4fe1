"""What an ONNX graph may hold: standard operators, and no data outside the file.

Run it in the sandbox where somebody else made the file.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx

from vigie.errors import RefusedPackage
from vigie.sandbox.graph_parts import (
    nodes_in,
    nodes_of,
    plain_domain,
    shown,
    sparse_tensors_of,
    tensors_in,
    tensors_of,
)

STANDARD_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
MOST_BYTES = 2**31 - 1
"""The largest message of Protocol Buffers, and so the largest graph in one file."""
MOST_VALUE_BYTES = 2**31

_STORES = (
    "float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data",
)  # fmt: skip


def check_graph(path: Path) -> None:
    """Refuses a graph with operators outside the standard, or with data in other files."""
    name = f"vigie/{path.name}"
    model = read_graph(path, name)
    check_operators(model)
    imported = {opset.domain for opset in model.opset_import}
    if unknown := sorted(imported - STANDARD_DOMAINS):
        raise RefusedPackage(f"the graph has operators that are not standard: {shown(unknown[0])}")
    if model.functions:
        raise RefusedPackage("the graph has functions of its own")
    check_constants(model)


def read_graph(path: Path, name: str) -> onnx.ModelProto:
    """The model in a file that `name` stands for in refusals; nothing in it is looked at yet."""
    if path.stat().st_size > MOST_BYTES:
        raise RefusedPackage(f"{name} is larger than {MOST_BYTES} bytes, the most that ONNX holds")
    try:
        model = onnx.load(path, format="protobuf", load_external_data=False)
    except MemoryError:
        raise
    except Exception:
        raise RefusedPackage(
            f"{name} cannot be parsed: it is no ONNX file, or is cut short"
        ) from None
    if not model.HasField("graph") or not model.graph.output:
        raise RefusedPackage(f"{name} holds no graph, or one that answers nothing")
    return model


def check_operators(model: onnx.ModelProto) -> None:
    """Refuses operators that neither the standard nor a function in the file defines."""
    if model.training_info:
        raise RefusedPackage("the file holds steps of training; export the model for inference")
    own = {(function.domain, function.name) for function in model.functions}
    nodes = nodes_of(model.graph)
    for function in model.functions:
        nodes += nodes_in(function)
    for node in nodes:
        if (node.domain, node.op_type) in own:
            continue
        if node.domain not in STANDARD_DOMAINS:
            raise RefusedPackage(
                "the graph has operators that are not standard: "
                f"{shown(node.domain)} ({shown(node.op_type)})"
            )
        if not onnx.defs.has(node.op_type, plain_domain(node.domain)):
            raise RefusedPackage(
                f"the graph has an operator that is not in the standard: {shown(node.op_type)}"
            )


def check_constants(model: onnx.ModelProto) -> None:
    """Refuses constants that lie in other files, or claim more than the file holds."""
    _check_tensors(tensors_of(model.graph))
    for function in model.functions:
        _check_tensors(tensors_in(nodes_in(function)))
    for sparse in sparse_tensors_of(model.graph):
        size = math.prod(sparse.dims) * _bits(sparse.values.data_type) // 8
        if size > MOST_VALUE_BYTES:
            raise RefusedPackage(
                f"the constant {shown(sparse.values.name)} unpacks to {size:,} bytes"
            )


def _check_tensors(tensors: Iterable[onnx.TensorProto]) -> None:
    for tensor in tensors:
        name = shown(tensor.name)
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise RefusedPackage(
                f"the graph keeps data in another file: the constant {name}; save it as one file: "
                "onnx.save(onnx.load(path), path), or export it with external_data=False"
            )
        claimed, held = math.prod(tensor.dims), _held(tensor)
        if any(size < 0 for size in tensor.dims):
            raise RefusedPackage(f"the constant {name} has a size below zero")
        if claimed > held:
            raise RefusedPackage(
                f"the constant {name} claims {claimed:,} values and holds {held:,}"
            )


def _held(tensor: onnx.TensorProto) -> int:
    """How many values the tensor holds, at most."""
    bits = _bits(tensor.data_type)
    if tensor.HasField("raw_data"):
        return len(tensor.raw_data) * 8 // bits
    # values smaller than a byte stand together in one number
    return sum(len(getattr(tensor, store)) for store in _STORES) * max(1, 8 // bits)


def _bits(kind: int) -> int:
    """The bits of one value of an ONNX type."""
    try:
        name = onnx.TensorProto.DataType.Name(kind)
        size = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind)).itemsize
    except (ValueError, KeyError):
        raise RefusedPackage("a constant is of a type that the standard does not have") from None
    for suffix, bits in (("INT4", 4), ("FLOAT4E2M1", 4), ("INT2", 2)):
        if name.endswith(suffix):
            return bits
    return 8 * int(size)
