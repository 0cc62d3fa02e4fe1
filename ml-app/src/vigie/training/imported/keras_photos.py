"""What a Keras model shows of the scaling of its photos, and that scaling in layers of Keras.

Run it in the sandbox.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from vigie.training.imported.photos import Finding

if TYPE_CHECKING:
    from vigie.training.imported.scaling import Scaling

_PASSES_ON = (
    "InputLayer", "Identity", "Cast", "Dropout", "GaussianNoise", "RandomBrightness",
    "RandomContrast", "RandomCrop", "RandomFlip", "RandomRotation", "RandomTranslation",
    "RandomZoom", "Resizing", "CenterCrop", "ZeroPadding2D",
)  # fmt: skip
"""Layers behind which pixels still have the scale that they came with."""
_DIVISIONS, _PRODUCTS = ("TrueDivide", "Divide"), ("Multiply",)
_FAMILIES = (
    (("mobilenetv3", "efficientnet", "convnext"), "none"),
    (("resnet50v2", "resnet101v2", "resnet152v2", "mobilenet", "inception", "xception", "nasnet"),
     "symmetric"),
    (("densenet",), "imagenet-torch"),
    (("resnet50", "resnet101", "resnet152", "vgg16", "vgg19"), "imagenet-caffe"),
)  # fmt: skip
"""Beginnings of the names of `keras.applications`, and what each model was trained on."""
_SMALLEST, _LARGEST = 1 / 256.5, 1 / 120
"""Factors that map numbers up to 255 to about 1 or about 2."""


def find_scaling(model: keras.Model) -> Finding | None:
    """What its first layers, or the name of a model in it, tell."""
    for operation, arguments in _first(model):
        kind = type(operation).__name__
        if kind in _PASSES_ON:
            continue
        factor = _factor(operation, kind, arguments)
        if factor is not None and _SMALLEST <= abs(factor) <= _LARGEST:
            return Finding(
                "none", f"its own {kind} ({operation.name}) scales 0 to 255", certain=True
            )
        if kind == "Normalization" and _mean(operation) > 2:
            mean = f"{_mean(operation):.3g}"
            return Finding("none", f"its own Normalization expects a mean of {mean}")
        break
    return _by_family(model)


def _first(model: keras.Model) -> Iterator[tuple[Any, list[Any]]]:
    """The operations from the input on, one after another, inside of models too."""
    functional = getattr(model, "_functional", None) or model
    tensor = functional.inputs[0]
    while True:
        # the nodes of this graph alone: a layer may stand in others too
        nodes = [
            node
            for level in functional._nodes_by_depth.values()
            for node in level
            if any(each is tensor for each in node.input_tensors)
        ]
        if len(nodes) != 1:
            return
        node, operation = nodes[0], nodes[0].operation
        if isinstance(operation, keras.Model):
            yield from _first(operation)
            return
        yield operation, list(node.arguments.args[1:])
        if len(node.outputs) != 1:
            return
        tensor = node.outputs[0]


def _factor(operation: Any, kind: str, arguments: list[Any]) -> float | None:
    """By what the pixels are multiplied; `None` where by nothing, or not by one number."""
    if kind == "Rescaling":
        figures = np.atleast_1d(np.asarray(operation.scale, np.float64))
        return float(figures.flat[0])
    if not arguments or isinstance(arguments[0], bool) or not isinstance(arguments[0], int | float):
        return None
    if kind in _DIVISIONS and arguments[0]:
        return 1 / arguments[0]
    return float(arguments[0]) if kind in _PRODUCTS else None


def _mean(operation: Any) -> float:
    found = getattr(operation, "input_mean", None)
    found = getattr(operation, "mean", None) if found is None else found
    return 0.0 if found is None else float(np.mean(keras.ops.convert_to_numpy(found)))


def _by_family(model: keras.Model) -> Finding | None:
    inner = [layer for layer in model.layers if isinstance(layer, keras.Model)]
    for name in [model.name, *(layer.name for layer in inner)]:
        for beginnings, scaling in _FAMILIES:
            if name.lower().startswith(beginnings):
                return Finding(scaling, f"it is called {name[:60]}, as a model of Keras is")
    return None


def scaled(pixels: Any, scaling: Scaling) -> Any:
    """Pixels of the package as the model takes them, by layers that every Keras file may hold."""
    values = keras.layers.Rescaling(1.0, dtype="float32", name="photo.numbers")(pixels)
    if scaling.bgr:
        channels = [values[:, :, :, place : place + 1] for place in (2, 1, 0)]
        values = keras.layers.Concatenate(name="photo.bgr")(channels)
    if scaling.is_identity:
        return values
    return keras.layers.Rescaling(
        list(scaling.scale), list(scaling.offset), dtype="float32", name="photo.scaled"
    )(values)
