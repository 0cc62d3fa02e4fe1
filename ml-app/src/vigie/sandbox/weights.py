"""Looks at the table of an HDF5 file: sizes as declared, before any memory is taken for them.

Run it in the sandbox: the HDF5 library itself reads the file.
"""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import Any

import h5py

from vigie.errors import RefusedPackage
from vigie.sandbox.keras_archive import MOST_BYTES

MOST_DATASETS = 10_000


def check_keras_weights(path: Path, folder: Path, name: str = "data/model.keras") -> None:
    """Refuses the weights of a `.keras` file that declare more than the file holds."""
    weights = folder / "weights.h5"
    with (
        zipfile.ZipFile(path) as archive,
        archive.open("model.weights.h5") as packed,
        weights.open("wb") as file,
    ):
        shutil.copyfileobj(packed, file, 1 << 20)
    check_hdf5(weights, name)
    weights.unlink()


def check_hdf5(path: Path, name: str) -> None:
    """Refuses an HDF5 file that reaches outside itself or unpacks to more than it holds."""
    try:
        with h5py.File(path, "r") as file:
            total = sum(_declared(item, name) for item in _datasets(file, name, 0))
    except (OSError, RuntimeError, KeyError, ValueError):
        raise RefusedPackage(f"{name}: its weights are not readable HDF5") from None
    if total > min(MOST_BYTES, path.stat().st_size):
        raise RefusedPackage(f"{name}: its weights declare more than the file holds")


def _datasets(group: Any, name: str, depth: int) -> list[Any]:
    if depth > 50:
        raise RefusedPackage(f"{name}: its weights are nested too deeply")
    found: list[Any] = []
    for key in group:
        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            raise RefusedPackage(f"{name}: its weights lie in another file")
        item = group[key]
        found += [item] if isinstance(item, h5py.Dataset) else _datasets(item, name, depth + 1)
        if len(found) > MOST_DATASETS:
            raise RefusedPackage(f"{name} has more than {MOST_DATASETS} weights")
    return found


def _declared(item: Any, name: str) -> int:
    if item.external or item.is_virtual:
        raise RefusedPackage(f"{name}: its weights lie in another file")
    size = int(item.nbytes)
    # a filter, or space that was never written, makes a large array of a small file
    if size and (size > MOST_BYTES or int(item.id.get_storage_size()) < size):
        raise RefusedPackage(f"{name}: its weights declare more than the file holds")
    return size
