"""A small package that answers a vector to a photo: no TensorFlow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from support.colours_package import SIDE, colours_document
from support.packages import write_package
from support.photos import LABELS, photo_pixels
from vigie.models.document import PackageDocument
from vigie.models.photo import photo_of

FEATURES = 12
"""So many numbers has a photo in `write_quarters`: the mean colour of each of its quarters."""


def write_quarters(root: Path, name: str = "quarters") -> str:
    """Writes a package that answers `FEATURES` numbers from 0 to 1. Gives its digest."""
    document = colours_document(name)
    output = {"name": "features", "label": "Features", "tensor": "features", "shape": [FEATURES]}
    document |= {"task": "embedding", "outputs": [output], "labels": []}
    item = PackageDocument.model_validate(document).images[0]
    rows = [{"photo": photo_of(photo_pixels(colour), item).pixels} for colour in LABELS]
    return write_package(root, document, _quarters_graph(), rows)


def _quarters_graph() -> onnx.ModelProto:
    half = SIDE // 2
    nodes = [
        helper.make_node("Cast", ["photo"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["pixels"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node(
            "AveragePool", ["planes"], ["means"], kernel_shape=[half, half], strides=[half, half]
        ),
        helper.make_node("Flatten", ["means"], ["flat"]),
        helper.make_node("Div", ["flat", "most"], ["features"]),
    ]
    photo = helper.make_tensor_value_info("photo", TensorProto.UINT8, [None, SIDE, SIDE, 3])
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, FEATURES])
    most = onnx.numpy_helper.from_array(np.array(255, np.float32), "most")
    graph = helper.make_graph(nodes, "quarters", [photo], [features], [most])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
