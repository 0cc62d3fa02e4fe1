"""Operators of Keras layers that tf2onnx does not know; to import this module registers them."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto
from tf2onnx.constants import AI_ONNX_ML_DOMAIN
from tf2onnx.custom_opsets.onnx_ml import LookupTableFind
from tf2onnx.handler import tf_op


def _replaced(ctx: Any, node: Any) -> tuple[Any, Any, Any]:
    """Shape, type and names of the outputs of a node that goes."""
    shape, kind = ctx.get_shape(node.output[0]), ctx.get_dtype(node.output[0])
    outputs = list(node.output)
    ctx.remove_node(node.name)
    return shape, kind, outputs


@tf_op("Erfc")
class Complement:
    """1 - erf, of which `gelu` is made."""

    @classmethod
    def version_9(cls, ctx: Any, node: Any, **_: Any) -> None:
        """Writes it as 1 - Erf."""
        given = node.input[0]
        shape, kind, outputs = _replaced(ctx, node)
        one = ctx.make_const(f"{node.name}_one", np.array(1.0, np.float32)).output[0]
        if kind != TensorProto.FLOAT:
            one = ctx.make_node("Cast", [one], attr={"to": kind}, dtypes=[kind]).output[0]
        error = ctx.make_node("Erf", [given], shapes=[shape], dtypes=[kind]).output[0]
        ctx.make_node("Sub", [one, error], outputs=outputs, shapes=[shape], dtypes=[kind])


@tf_op("Bucketize")
class Buckets:
    """The number of boundaries that a number has reached, for `Discretization`."""

    @classmethod
    def version_13(cls, ctx: Any, node: Any, **_: Any) -> None:
        """Writes it as a sum of comparisons."""
        given, bounds = node.input[0], node.get_attr_value("boundaries")
        shape, kind, outputs = _replaced(ctx, node)
        number = ctx.make_node("Cast", [given], attr={"to": TensorProto.FLOAT}).output[0]
        last = ctx.make_const(f"{node.name}_last", np.array([-1], np.int64)).output[0]
        bounds = ctx.make_const(f"{node.name}_bounds", np.array(bounds, np.float32)).output[0]
        apart = ctx.make_node("Unsqueeze", [number, last]).output[0]
        reached = ctx.make_node("GreaterOrEqual", [apart, bounds]).output[0]
        ones = ctx.make_node("Cast", [reached], attr={"to": kind}).output[0]
        ctx.make_node(
            "ReduceSum", [ones, last], outputs=outputs, attr={"keepdims": 0},
            shapes=[shape], dtypes=[kind],
        )  # fmt: skip


@tf_op("LookupTableFindV2")
class Lookup:
    """A look-up from whole numbers to whole numbers too, for `IntegerLookup`."""

    @classmethod
    def version_9(cls, ctx: Any, node: Any, initialized_tables: Any, **options: Any) -> None:
        """Writes it as a LabelEncoder, and texts as tf2onnx does."""
        kinds = {ctx.get_dtype(node.output[0]), ctx.get_dtype(node.input[1])}
        if kinds != {TensorProto.INT64} or node.inputs[1].is_const():
            LookupTableFind.version_8(ctx, node, initialized_tables=initialized_tables, **options)
            return
        table = node.inputs[0]
        while table.type == "Identity":
            table = table.inputs[0]
        keys, values = initialized_tables[table.get_attr_value("shared_name")]
        given, default = node.input[1], node.inputs[2].get_tensor_value()
        shape, kind, outputs = _replaced(ctx, node)
        ctx.make_node(
            "LabelEncoder", [given], domain=AI_ONNX_ML_DOMAIN, outputs=outputs,
            attr={
                "keys_int64s": [int(key) for key in keys],
                "values_int64s": [int(value) for value in values],
                "default_int64": int(default),
            },
            shapes=[shape], dtypes=[kind],
        )  # fmt: skip
        if not ctx.find_output_consumers(table.output[0]):
            ctx.remove_node(table.name)
