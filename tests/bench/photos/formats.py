"""The model on disk, once in every form that a contender takes."""

from __future__ import annotations

import shutil
from io import BytesIO
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
from PIL import Image

from bench.forms import TOLERANCE, Forms, Question, require_close
from bench.photos.contenders import LABELS, MODEL
from bench.photos.loads import LARGE_PHOTO, LARGE_SIZE, SMALL_PHOTO, SMALL_SIZE
from bench.photos.model import PHOTO, SCORES, build_model
from bench.photos.scene import draw_scene
from support.packages import write_package
from support.photos import in_base64
from vigie.engines.onnx import OnnxEngine
from vigie.models.model_output import best_labels
from vigie.models.photo import photo_file
from vigie.models.photo_figures import photo_figures
from vigie.models.profile import build_profile
from vigie.registry.cache import ModelCache
from vigie.training.graph.export import export_onnx, predict_keras

SCENES = 16
GOLDEN_PHOTOS = 4
ASKED_SEED = 100
REDUCED_TOLERANCE = 0.03
"""A large JPEG opened at a quarter of its scale is within two levels in 255 of one opened whole and
made smaller then: that moves a score by less than 0.01, swapped colours or another filter by 0.05
and more."""


def write_forms(folder: Path) -> Forms:
    """Makes the model, writes it in every form below `folder` and checks it against Keras."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    scenes = np.stack([draw_scene(SMALL_SIZE, seed) for seed in range(SCENES)])
    model = build_model(scenes)
    small, large = (photo_file(draw_scene(size, ASKED_SEED)) for size in (SMALL_SIZE, LARGE_SIZE))
    questions = {
        SMALL_PHOTO: _question(model, small, TOLERANCE),
        LARGE_PHOTO: _question(model, large, REDUCED_TOLERANCE),
    }
    forms = Forms(folder, questions)
    export_onnx(model, forms.onnx)
    (scores,) = OnnxEngine(forms.onnx).run({PHOTO: scenes}).values()
    require_close("ONNX", scores.reshape(-1).tolist(), _answers(model, scenes))
    _install(forms, scenes, scores)
    return forms


def _question(model: keras.Model, photo: bytes, tolerance: float) -> Question:
    """A photo, and what Keras answers to it decoded whole and made smaller by Pillow."""
    with Image.open(BytesIO(photo)) as image:
        resized = image.convert("RGB").resize(SMALL_SIZE, Image.Resampling.BILINEAR)
    return Question(photo, _answers(model, np.asarray(resized)[np.newaxis]), tolerance)


def _answers(model: keras.Model, pixels: np.ndarray) -> list[float]:
    answers: list[float] = predict_keras(model, {PHOTO: pixels})[SCORES].reshape(-1).tolist()
    return answers


def _install(forms: Forms, scenes: np.ndarray, scores: np.ndarray) -> None:
    cache, graph = ModelCache(forms.cache), onnx.load(forms.onnx)
    rows = [{PHOTO: pixels} for pixels in scenes[:GOLDEN_PHOTOS]]
    figures = [photo_figures(pixels, LARGE_SIZE) for pixels in scenes]
    # so that drift is counted, as of any model
    profile = build_profile((), {}, best_labels(LABELS, scores), {PHOTO: figures})
    with cache.lock(MODEL) as incoming:
        root = incoming / "package"
        digest = write_package(root, _document(scenes[0]), graph, rows, profile)
        cache.install(MODEL, incoming / "package", digest, "1", "run")
        cache.point(MODEL, digest)


def _document(pixels: np.ndarray) -> dict[str, Any]:
    image = {
        "name": PHOTO,
        "label": "Photo",
        "dtype": "image",
        "tensor": "uint8",
        "shape": list(pixels.shape),
        "resize": {"filter": "bilinear", "fit": "stretch"},
        "example": in_base64(photo_file(pixels, 64)),
    }
    output = {"name": SCORES, "label": "Scores", "tensor": SCORES, "shape": [len(LABELS)]}
    return {
        "format": 1,
        "name": MODEL,
        "title": "Drawn scenes",
        "task": "classification",
        "inputs": [image],
        "outputs": [output],
        "labels": list(LABELS),
        "provenance": {"source": "scenes drawn by the benchmark", "generated": True},
    }
