"""A small package that takes photos: a real graph and files of one colour each, no TensorFlow."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper
from PIL import Image

from support.packages import write_package
from vigie.models.document import PackageDocument
from vigie.models.photo import photo_file, photo_of
from vigie.models.profile import Profile
from vigie.registry.cache import ModelCache

SIDE = 32
LABELS = ("red", "green", "blue")


def photo_pixels(colour: str, size: tuple[int, int] = (96, 64), seed: int = 7) -> np.ndarray:
    """Pixels, uint8 [height, width, 3], of mostly one colour of `LABELS`; `size` is width, height.

    They are smooth, so that a JPEG of them differs little from them.
    """
    width, height = size
    rng = np.random.default_rng(seed)
    coarse = rng.integers(20, 110, (4, 6, 3)).astype(np.uint8)
    coarse[:, :, LABELS.index(colour)] += 120
    grown = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(grown)


def photo_bytes(
    colour: str, size: tuple[int, int] = (96, 64), kind: str = "JPEG", seed: int = 7, **how: Any
) -> bytes:
    """The file of such a photo, in any format of Pillow; `how` goes to its writer."""
    made = BytesIO()
    Image.fromarray(photo_pixels(colour, size, seed)).save(made, kind, **how)
    return made.getvalue()


def large_photo(colour: str, size: int, pixels: tuple[int, int] = (4000, 3000)) -> bytes:
    """A JPEG of so many pixels and so many bytes: behind its end stand bytes that no reader wants.

    A photo of noise would have as many by itself, and take a second to make.
    """
    made = photo_bytes(colour, pixels, quality=70)
    if len(made) > size:
        raise ValueError(f"a photo of {pixels} has {len(made)} bytes")
    # nothing of it repeats, so that no transport makes it smaller
    return made + np.random.default_rng(11).bytes(size - len(made))


def grainy_photo(colour: str, pixels: tuple[int, int] = (4000, 3000), quality: int = 90) -> bytes:
    """A JPEG with the grain of a camera: 6 MB at these 12 megapixels, all of it to be decoded."""
    smooth = photo_pixels(colour, pixels).astype(np.float32)
    grain = np.random.default_rng(3).normal(0, 22, (*smooth.shape[:2], 1)).astype(np.float32)
    made = BytesIO()
    seen = np.clip(smooth + grain, 0, 255).astype(np.uint8)
    Image.fromarray(seen).save(made, "JPEG", quality=quality)
    return made.getvalue()


def in_base64(photo: bytes) -> dict[str, str]:
    """A photo as JSON carries it."""
    return {"b64": base64.b64encode(photo).decode()}


def write_photos(folder: Path, each: int = 1, kind: str = "JPEG") -> list[Path]:
    """Files of photos, so many of each colour: `red-0.jpg` and so on, in this order."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for colour in LABELS:
        for number in range(each):
            path = folder / f"{colour}-{number}.{'jpg' if kind == 'JPEG' else kind.lower()}"
            path.write_bytes(photo_bytes(colour, kind=kind, seed=number))
            written.append(path)
    return written


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
