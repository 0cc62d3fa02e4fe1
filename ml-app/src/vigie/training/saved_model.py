"""Writes the champion as a SavedModel for TensorFlow Serving."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from vigie.errors import DataError, RefusedPackage
from vigie.models.manifest import verify_manifest
from vigie.models.package import SAVED_MODELS, keras_model_in
from vigie.registry.cache import CHAMPION, ModelCache
from vigie.registry.client import RegistryClient
from vigie.sandbox.run import run_confined

if TYPE_CHECKING:
    from vigie.settings import Settings


def export_champion(name: str, target: Path, settings: Settings) -> Path:
    """Writes `target`/<version>/ from the cache, or else from MLflow; gives that folder."""
    cached = ModelCache(settings.cache).champion(name)
    if cached is not None:
        return write_saved_model(cached.root, target / cached.version)
    client = RegistryClient(settings.mlflow_url, settings.registry_timeout_seconds)
    found = client.version_of(name, CHAMPION)
    if found is None or found.digest is None:
        raise DataError(f"there is no champion named {name}, neither in the cache nor in MLflow")
    with tempfile.TemporaryDirectory() as folder:
        client.download(found, Path(folder), settings.max_package_bytes)
        verify_manifest(Path(folder), found.digest)
        return write_saved_model(Path(folder), target / found.version)


def write_saved_model(root: Path, target: Path) -> Path:
    """The package in `root` as a SavedModel in `target`, a folder that is not there yet."""
    if target.exists():
        raise DataError(f"there is already a version folder {target.name}; remove it first")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        if keras_model_in(root).is_file():
            task = "vigie.training.imported.conversion:to_saved_model"
            run_confined(task, {"root": str(root.resolve())}, work, [root])
            made = work / "saved_model"
        else:
            # an imported SavedModel goes out as it came
            found = (root / name for name in SAVED_MODELS)
            made = next((path for path in found if path.is_dir()), work)
        if not (made / "saved_model.pb").is_file():
            raise RefusedPackage("the package has neither a Keras model nor a SavedModel")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(made, target)
    return target
