"""A small package that tells the colour of a photo: a real graph, no TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from support.packages import write_package
from support.photos import LABELS, in_base64, photo_pixels
from vigie.models.document import PackageDocument
from vigie.models.photo import photo_file, photo_of
from vigie.models.profile import Profile
from vigie.registry.cache import ModelCache

SIDE = 32


def colours_document(name: str = "colours", extra: bool = False) -> dict[str, Any]:
    """A classification of photos by their colour; with `extra`, a number goes in beside them."""
    image: dict[str, Any] = {
        "name": "photo",
        "label": {"en": "Photo", "fr": "Photo"},
        "dtype": "image",
        "tensor": "uint8",
        "shape": [SIDE, SIDE, 3],
        "resize": {"filter": "bilinear", "fit": "stretch"},
        "example": in_base64(photo_file(photo_pixels("red"), 64)),
    }
    warmth: dict[str, Any] = {
        "name": "warmth",
        "label": {"en": "Warmth", "fr": "Chaleur"},
        "dtype": "float32",
        "tensor": "float32",
        "limits": [-10, 10],
        "required": False,
        "missing": {"fill": 0.0},
        "example": 1.5,
    }
    return {
        "format": 1,
        "name": name,
        "title": {"en": "Colour of a photo", "fr": "Couleur d'une photo"},
        "task": "classification",
        "inputs": [image, warmth] if extra else [image],
        "outputs": [
            {
                "name": "probabilities",
                "label": "Probabilities",
                "tensor": "probabilities",
                "shape": [len(LABELS)],
                "decimals": 6,
            }
        ],
        "labels": list(LABELS),
        "provenance": {"source": "made for a test", "rows": 30},
    }


def colours_graph(extra: bool = False) -> onnx.ModelProto:
    """Softmax of the mean colour, 0 to 1, times 8; `warmth` adds to red."""
    nodes = [
        helper.make_node("Cast", ["photo"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("Mul", ["mean", "scale"], ["colour"]),
    ]
    inputs = [helper.make_tensor_value_info("photo", TensorProto.UINT8, [None, SIDE, SIDE, 3])]
    weights = {"scale": np.array([8 / 255], np.float32)}
    if extra:
        nodes.append(helper.make_node("MatMul", ["warmth", "to_red"], ["warmer"]))
        nodes.append(helper.make_node("Add", ["colour", "warmer"], ["logits"]))
        inputs.append(helper.make_tensor_value_info("warmth", TensorProto.FLOAT, [None, 1]))
        weights["to_red"] = np.array([[1, 0, 0]], np.float32)
    else:
        nodes.append(helper.make_node("Identity", ["colour"], ["logits"]))
    nodes.append(helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1))
    output = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, len(LABELS)])
    made = [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "colours", inputs, [output], made)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def write_colours(
    root: Path, name: str = "colours", extra: bool = False, profile: Profile | None = None
) -> str:
    """Writes the package; its golden photos lie in arrays. Gives its digest."""
    document = colours_document(name, extra)
    item = PackageDocument.model_validate(document).images[0]
    rows = [{"photo": photo_of(photo_pixels(colour), item).pixels} for colour in LABELS]
    return write_package(root, document, colours_graph(extra), rows, profile)


def install_colours(
    cache: ModelCache,
    name: str = "colours",
    version: str = "1",
    extra: bool = False,
    profile: Profile | None = None,
) -> str:
    """Puts the package into a cache as the champion. Gives its digest."""
    with cache.lock(name) as incoming:
        digest = write_colours(incoming, name, extra, profile)
        cache.install(name, incoming, digest, version, f"run{version}")
        cache.point(name, digest)
    return digest
