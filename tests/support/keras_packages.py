"""Small Keras packages for tests of the TensorFlow engine, good ones and bad ones."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import orjson

from vigie.models.manifest import write_manifest

Change = Callable[[dict[str, Any]], None]


def write_keras_package(root: Path) -> str:
    """A package with a Keras model alone, served by TensorFlow; gives its digest."""
    import keras

    x = keras.Input((1,), name="x")
    dense = keras.layers.Dense(1, kernel_initializer="ones", name="y")
    model = keras.Model({"x": x}, dense(x))
    (root / "data").mkdir(parents=True)
    (root / "vigie").mkdir()
    model.save(root / "data/model.keras")
    number = {"name": "x", "label": "x", "dtype": "float32", "tensor": "float32", "example": 1.0}
    document = {
        "name": "line",
        "title": "A line",
        "task": "regression",
        "engine": "tensorflow",
        "inputs": [number],
        "outputs": [{"name": "y", "label": "y", "tensor": "y"}],
        "provenance": {"source": "made for a test"},
    }
    (root / "vigie/package.json").write_bytes(orjson.dumps(document))
    golden = {"rows": [{"x": 1.5}, {"x": -2.0}], "outputs": {"y": [1.5, -2.0]}}
    (root / "vigie/golden.json").write_bytes(orjson.dumps(golden))
    (root / "MLmodel").write_text("flavors: {}\n")
    return write_manifest(root)


def change_archive(path: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    """Writes a `.keras` file anew with its entries changed."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    change(entries)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def change_config(path: Path, change: Change) -> None:
    """Writes a `.keras` file anew with its configuration changed."""

    def apply(entries: dict[str, bytes]) -> None:
        config = json.loads(entries["config.json"])
        change(config)
        entries["config.json"] = json.dumps(config).encode()

    change_archive(path, apply)


def change_weights(path: Path, change: Callable[[h5py.File], None]) -> None:
    """Writes a `.keras` file anew with its weights changed."""

    def apply(entries: dict[str, bytes]) -> None:
        buffer = io.BytesIO(entries["model.weights.h5"])
        with h5py.File(buffer, "r+") as file:
            change(file)
        entries["model.weights.h5"] = buffer.getvalue()

    change_archive(path, apply)


def declare_too_much(file: h5py.File) -> None:
    """A terabyte that was never written."""
    file.create_dataset("bomb", (2**38,), np.float32)
