"""MobileNetV2 as a package that takes photos, with the weights of VIGIE_TEST_DATA."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import orjson

from support.photos import in_base64, photo_pixels
from support.real_data import WEIGHTS, data_for
from vigie.models.document import PackageDocument
from vigie.models.manifest import write_manifest
from vigie.models.photo import photo_file, photo_of
from vigie.models.reference_rows import write_arrays

SIDE, CLASSES = 224, 1000


def write_mobilenet(root: Path) -> tuple[str, Callable[..., Any]]:
    """Writes the package; gives its digest and Keras' `predict`, which takes uint8 pixels."""
    weights = data_for(WEIGHTS)
    from vigie.engines.quiet import quieten_tensorflow

    quieten_tensorflow()
    import keras
    import tensorflow as tf
    import tf2onnx

    given = keras.Input((SIDE, SIDE, 3), dtype="uint8", name="photo")
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1)(given)
    network = keras.applications.MobileNetV2(weights=str(weights))
    model = keras.Model(given, network(scaled))
    spec = [tf.TensorSpec([None, SIDE, SIDE, 3], tf.uint8, name="photo")]
    call = tf.function(lambda photo: {"scores": model(photo, training=False)}, spec)
    graph, _ = tf2onnx.convert.from_function(call, input_signature=spec, opset=17)
    (root / "vigie").mkdir(parents=True)
    onnx.save(graph, root / "vigie" / "model.onnx")
    document = PackageDocument.model_validate(_document(graph.graph.output[0].name))
    (root / "vigie" / "package.json").write_text(document.model_dump_json())
    pixels = photo_of(photo_pixels("red"), document.images[0]).pixels
    answer = model.predict(pixels[np.newaxis], verbose=0).tolist()
    golden = {"rows": [{}], "outputs": {"scores": answer}}
    (root / "vigie" / "golden.json").write_bytes(orjson.dumps(golden))
    write_arrays(root / "vigie" / "golden.npz", {"photo": pixels[np.newaxis]})
    return write_manifest(root), lambda photo: model.predict(photo, verbose=0)


def _document(tensor: str) -> dict[str, Any]:
    return {
        "name": "mobilenet",
        "title": "What is on a photo",
        "task": "classification",
        "inputs": [
            {
                "name": "photo",
                "label": "Photo",
                "dtype": "image",
                "tensor": "uint8",
                "shape": [SIDE, SIDE, 3],
                "resize": {},
                "example": in_base64(photo_file(photo_pixels("red"), 64)),
            }
        ],
        "outputs": [{"name": "scores", "label": "Scores", "tensor": tensor, "shape": [CLASSES]}],
        "labels": [f"class {number}" for number in range(CLASSES)],
        "provenance": {"source": "ImageNet"},
    }
