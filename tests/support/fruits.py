"""A small package that answers a vector and neighbours beside its label: no TensorFlow.

It is of the kind that the recipe `fruits` makes: features of a photo, their principal components,
a classification of these, and the photos that it knows with small pictures of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from support.colours_package import SIDE, colours_document
from support.packages import write_package
from support.photos import LABELS, photo_pixels
from vigie.models.document import PackageDocument
from vigie.models.manifest import write_manifest
from vigie.models.neighbours import (
    THUMBNAILS,
    Neighbours,
    thumbnail_path,
    write_neighbours,
)
from vigie.models.photo import photo_file, photo_of
from vigie.models.profile import Profile
from vigie.registry.cache import ModelCache

COMPONENTS = 3
FEATURES = 12
EACH = 4
"""Photos of each label that the package knows."""
SHOWN = 3
"""Neighbours in an answer."""
_HALF = SIDE // 2


def known_photos() -> list[tuple[str, str, np.ndarray]]:
    """Name, label and pixels of each photo that the package knows, at the size of the network."""
    item = PackageDocument.model_validate(colours_document()).images[0]
    return [
        (f"{label}/{number}.jpg", label, photo_of(photo_pixels(label, seed=number), item).pixels)
        for label in LABELS
        for number in range(EACH)
    ]


def features_of(pixels: np.ndarray) -> np.ndarray:
    """The mean colours of the four quarters, 0 to 1: [photos, 12] of [photos, 32, 32, 3]."""
    quarters = pixels.reshape(-1, 2, _HALF, 2, _HALF, 3).mean(axis=(2, 4), dtype=np.float64)
    found: np.ndarray = (quarters / 255).reshape(-1, FEATURES).astype(np.float32)
    return found


def components_of(features: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean [12], components [3, 12] and their shares of the variance [3]."""
    mean = features.mean(axis=0)
    _, lengths, directions = np.linalg.svd(features - mean, full_matrices=False)
    return mean, directions[:COMPONENTS], (lengths**2 / (lengths**2).sum())[:COMPONENTS]


def fruits_document(name: str = "fruits", thumbnails: bool = True) -> dict[str, Any]:
    """What it takes and answers; `features` is not shown."""
    known = features_of(np.stack([pixels for _, _, pixels in known_photos()]))
    shares = components_of(known)[2]
    document = colours_document(name)
    document["outputs"] += [
        {"name": "vector", "label": "Vector", "tensor": "vector", "shape": [COMPONENTS]},
        {
            "name": "features",
            "label": "Features",
            "tensor": "features",
            "shape": [FEATURES],
            "shown": False,
        },
    ]
    return document | {
        "title": {"en": "Fruits", "fr": "Fruits"},
        "label_texts": {"red": {"en": "Apple", "fr": "Pomme"}},
        "label_notes": {
            "red": {
                "text": {"en": "Keeps for months.", "fr": "Se garde des mois."},
                "link": "https://en.wikipedia.org/wiki/Apple",
            },
            "green": {"text": "Is rich in vitamin C."},
        },
        "reduction": {
            "output": "vector",
            "of": "features",
            "components": COMPONENTS,
            "explained_variance": shares.tolist(),
        },
        "neighbours": {"output": "vector", "count": SHOWN, "thumbnails": thumbnails},
    }


def fruits_graph() -> onnx.ModelProto:
    """Quarters, their components, and the softmax of what these say of the mean colours."""
    known = features_of(np.stack([pixels for _, _, pixels in known_photos()]))
    mean, components, _ = components_of(known)
    colours = np.tile(np.eye(len(LABELS), dtype=np.float32), (4, 1))
    weights = {
        "white": np.array(255, np.float32),
        "mean": mean,
        "projection": components.T.copy(),
        "kernel": (8 / 4 * components @ colours).astype(np.float32),
        "width": np.array([-1, FEATURES]),
    }
    nodes = [
        helper.make_node("Cast", ["photo"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["numbers"], ["first"], perm=[0, 3, 1, 2]),
        helper.make_node(
            "AveragePool", ["first"], ["pooled"],
            kernel_shape=[_HALF, _HALF], strides=[_HALF, _HALF],
        ),
        helper.make_node("Transpose", ["pooled"], ["last"], perm=[0, 2, 3, 1]),
        helper.make_node("Reshape", ["last", "width"], ["flat"]),
        helper.make_node("Div", ["flat", "white"], ["features"]),
        helper.make_node("Sub", ["features", "mean"], ["centred"]),
        helper.make_node("MatMul", ["centred", "projection"], ["vector"]),
        helper.make_node("MatMul", ["vector", "kernel"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]  # fmt: skip
    value = helper.make_tensor_value_info
    sizes = {"probabilities": len(LABELS), "vector": COMPONENTS, "features": FEATURES}
    graph = helper.make_graph(
        nodes,
        "fruits",
        [value("photo", TensorProto.UINT8, [None, SIDE, SIDE, 3])],
        [value(name, TensorProto.FLOAT, [None, size]) for name, size in sizes.items()],
        [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def write_fruits(
    root: Path, name: str = "fruits", thumbnails: bool = True, profile: Profile | None = None
) -> str:
    """Writes the package with the photos that it knows. Gives its digest."""
    known = known_photos()
    rows = [{"photo": pixels} for _, _, pixels in known[::EACH]]
    write_package(root, fruits_document(name, thumbnails), fruits_graph(), rows, profile)
    pixels = np.stack([pixels for _, _, pixels in known])
    mean, components, _ = components_of(features_of(pixels))
    vectors = ((features_of(pixels) - mean) @ components.T).astype(np.float32)
    labels = np.array([LABELS.index(label) for _, label, _ in known])
    write_neighbours(root, Neighbours(vectors, labels, tuple(name for name, _, _ in known)))
    if thumbnails:
        (root / THUMBNAILS).mkdir()
        for place, (_, _, photo) in enumerate(known):
            thumbnail_path(root, place).write_bytes(photo_file(photo, SIDE))
    return write_manifest(root)


def install_fruits(
    cache: ModelCache, name: str = "fruits", version: str = "1", profile: Profile | None = None
) -> str:
    """Puts the package into a cache as the champion. Gives its digest."""
    with cache.lock(name) as incoming:
        digest = write_fruits(incoming, name, profile=profile)
        cache.install(name, incoming, digest, version, f"run{version}")
        cache.point(name, digest)
    return digest
