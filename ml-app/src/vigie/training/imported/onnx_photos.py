"""What an ONNX graph shows of the scaling of its photos, and that scaling in its operators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import numpy_helper

from vigie.training.imported.photos import Finding

if TYPE_CHECKING:
    from vigie.training.imported.onnx_rewrite import Step
    from vigie.training.imported.photos import TakenPhotos

_PASSES_ON = frozenset({"Cast", "Identity", "Transpose", "Reshape"})
_MOST_STEPS = 10
_SMALLEST, _LARGEST = 1 / 256.5, 1 / 120
"""Factors that map numbers up to 255 to about 1 or about 2."""
BGR, SCALE, OFFSET = "package/bgr", "package/scale", "package/offset"


def find_scaling(graph: onnx.GraphProto, value: str) -> Finding | None:
    """What the first operators behind an input tell; who exported it makes one likely."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].HasField("t"):
            constants[node.output[0]] = node.attribute[0].t
    for _ in range(_MOST_STEPS):
        takers = [node for node in graph.node if value in node.input]
        if len(takers) != 1:
            return None
        (node,) = takers
        if node.op_type in ("Mul", "Div"):
            return _of_product(node, value, constants)
        if node.op_type not in _PASSES_ON:
            return None
        value = node.output[0]
    return None


def _of_product(
    node: onnx.NodeProto, value: str, constants: Mapping[str, onnx.TensorProto]
) -> Finding | None:
    others = [name for name in node.input if name != value]
    if len(others) != 1 or others[0] not in constants:
        return None
    if node.op_type == "Div" and node.input[0] != value:
        return None
    factors = np.abs(numpy_helper.to_array(constants[others[0]]).astype(np.float64)).reshape(-1)
    if not factors.size or not factors.all():
        return None
    factors = 1 / factors if node.op_type == "Div" else factors
    if factors.min() >= _SMALLEST and factors.max() <= _LARGEST:
        return Finding("none", f"its own first {node.op_type} scales 0 to 255", certain=True)
    return None


def photo_steps(photos: TakenPhotos) -> list[Step]:
    """The operators between uint8 [rows, height, width, 3] and what the graph takes, as float32."""
    scaling = photos.scaling
    steps: list[Step] = [("Cast", [], {"to": onnx.TensorProto.FLOAT})]
    if scaling.bgr:
        steps.append(("Gather", [BGR], {"axis": 3}))
    if not scaling.is_identity:
        steps += [("Mul", [SCALE], {}), ("Add", [OFFSET], {})]
    if photos.first:
        steps.append(("Transpose", [], {"perm": [0, 3, 1, 2]}))
    return steps


def photo_constants(photos: TakenPhotos) -> dict[str, np.ndarray]:
    """The constants that these operators may take."""
    return {
        BGR: np.array([2, 1, 0], np.int64),
        SCALE: np.array(photos.scaling.scale, np.float32),
        OFFSET: np.array(photos.scaling.offset, np.float32),
    }
