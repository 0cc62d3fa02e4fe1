"""A package whose answer depends on every pixel of a photo: no TensorFlow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession

from support.colours_package import SIDE, colours_document
from support.packages import write_package
from support.photo_corpus import scene
from support.photos import LABELS
from vigie.models.document import PackageDocument
from vigie.models.photo import photo_of, read_photo

CLOSE = 1e-4
"""By how much a score may differ from that of training."""


def write_pixels(root: Path, name: str = "pixels") -> str:
    """Writes the package; its labels are those of the colours. Gives its digest."""
    document = colours_document(name)
    item = PackageDocument.model_validate(document).images[0]
    rows = [{"photo": photo_of(np.asarray(scene()), item).pixels}]
    return write_package(root, document, every_pixel_counts(), rows)


def scores_in_training(package: Path, files: dict[str, bytes]) -> dict[str, list[float]]:
    """By the name of a file, what training sees in it: its decoder, then the bare graph."""
    item = PackageDocument.model_validate_json((package / "vigie/package.json").read_bytes())
    session = InferenceSession(package / "vigie/model.onnx")
    scores = {}
    for name, content in files.items():
        pixels = read_photo(content, item.images[0]).pixels
        (found,) = session.run(["probabilities"], {"photo": pixels[np.newaxis]})
        scores[name] = found[0].tolist()
    return scores


def every_pixel_counts() -> onnx.ModelProto:
    """Softmax of a random sum of all pixels."""
    weights = np.random.default_rng(3).normal(0, 0.05, (SIDE * SIDE * 3, len(LABELS)))
    made = {
        "flat": np.array([0, -1], np.int64),
        "scale": np.array(1 / 255, np.float32),
        "weights": weights.astype(np.float32),
    }
    nodes = [
        helper.make_node("Reshape", ["photo", "flat"], ["row"]),
        helper.make_node("Cast", ["row"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["levels", "scale"], ["scaled"]),
        helper.make_node("MatMul", ["scaled", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "pixels",
        [helper.make_tensor_value_info("photo", TensorProto.UINT8, [None, SIDE, SIDE, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, len(LABELS)])],
        [numpy_helper.from_array(value, name) for name, value in made.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
