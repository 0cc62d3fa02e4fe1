"""Makes a package of a model that was trained elsewhere, and registers it."""

from __future__ import annotations

import base64
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from mlflow.models import Model, ModelSignature
from mlflow.types.schema import Schema, TensorSpec

from vigie.errors import DataError
from vigie.models.manifest import write_manifest
from vigie.models.package import KERAS_MODEL
from vigie.models.signing import sign_with
from vigie.registry.cache import CHAMPION
from vigie.registry.client import RegistryClient
from vigie.registry.gate.integrity import verify_package
from vigie.registry.promotion import Promotions
from vigie.training.imported.document import scaling_told
from vigie.training.imported.inputs import TRIED_ROWS
from vigie.training.imported.labels import words
from vigie.training.imported.package import MissingStatement, Wanted, write_package
from vigie.training.imported.photos import NAME
from vigie.training.imported.sources import fetch
from vigie.training.tracking import Tracking

if TYPE_CHECKING:
    from vigie.models.document import PackageDocument
    from vigie.models.model_input import Input
    from vigie.settings import Settings

__all__ = ["Imported", "MissingStatement", "Wanted", "import_model", "read_examples", "words"]

_PHOTOS = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


@dataclass(frozen=True)
class Imported:
    """A registered version, and what to tell about it."""

    version: str
    digest: str
    engine: str
    difference: float | None
    problem: str | None
    champion: bool
    note: str | None = None
    scaling: str | None = None


def read_examples(path: Path) -> tuple[dict[str, Any], ...]:
    """The rows of a JSON file, a list of objects, or the first photos of a folder."""
    if path.is_dir():
        return _photos_in(path)
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise DataError(f"{path.name} is not readable JSON") from None
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{path.name} is not a list of rows, each an object")
    return tuple(rows)


def _photos_in(folder: Path) -> tuple[dict[str, Any], ...]:
    photos = sorted(p for p in folder.iterdir() if p.suffix.lower() in _PHOTOS and p.is_file())
    if not photos:
        raise DataError(f"{folder.name} holds no photos ({', '.join(sorted(_PHOTOS))})")
    # they travel as callers would send them
    return tuple(
        {NAME: {"b64": base64.b64encode(path.read_bytes()).decode()}}
        for path in photos[:TRIED_ROWS]
    )


def import_model(source: str, wanted: Wanted, settings: Settings) -> Imported:
    """Converts, checks and registers a model; the first version of its name becomes champion.

    Raises `MissingStatement` where something must be said of its photos first.
    """
    registry = RegistryClient.of(settings)
    tracking = Tracking(settings, wanted.name)
    with tempfile.TemporaryDirectory() as folder:
        found = fetch(source, Path(folder), settings)
        title = f"{wanted.name} imported {datetime.now(UTC):%Y-%m-%d %H:%M}"
        with tracking.run(title) as run_id:
            root = Path(folder) / "package"
            model = tracking.new_model(wanted.name, run_id)
            digest, parts = write_imported(found, wanted, root, model)
            sign_with(root, settings.signing_key)
            # the same look that the service will have
            verify_package(root, digest, wanted.name, settings)
            version = tracking.register(
                model, root, wanted.name, digest, {"vigie.imported": found.name}
            )
        first = registry.version_of(wanted.name, CHAMPION) is None
        if first:
            promotions = Promotions(settings)
            candidate = promotions.find(wanted.name, version)
            promotions.move(candidate, None, "import: the first version")
    engine = "tensorflow" if parts["problem"] else "onnx"
    return Imported(
        version, digest, engine, parts["difference"], parts["problem"], first, _note(parts),
        scaling_told(parts),
    )  # fmt: skip


def write_imported(
    source: Path, wanted: Wanted, root: Path, mlflow_model: Model
) -> tuple[str, dict[str, Any]]:
    """Writes the package of the model at `source` below `root`; gives its digest and parts."""
    document, parts = write_package(source, wanted, root)
    if source.is_dir():
        _keep_original(source, root)
    _write_mlmodel(root, mlflow_model, document)
    return write_manifest(root), parts


def _note(parts: Mapping[str, Any]) -> str | None:
    """What to say of scores that are no probabilities, such as logits."""
    if not parts["labels"]:
        return None
    scores = np.array(parts["answers"][parts["outputs"][0]["name"]])
    if np.allclose(scores.sum(axis=1), 1, atol=1e-3) and (scores >= 0).all():
        return None
    return (
        "its scores are no probabilities and are served as they are; "
        "end the model with a softmax to have some"
    )


def _keep_original(source: Path, root: Path) -> None:
    """Copies a SavedModel beside the package's own files; the service never opens it."""
    for path in source.rglob("*"):
        if path.is_symlink():
            raise DataError("the SavedModel holds a link")
    shutil.copytree(source, root / "source")


def _write_mlmodel(root: Path, model: Model, document: PackageDocument) -> None:
    """MLflow's own description; the Keras flavour where the package has a Keras model."""
    if (root / KERAS_MODEL).exists():
        model.add_flavor(
            "keras", data="data", keras_backend="tensorflow", save_exported_model=False
        )
        (root / "data" / "keras_module.txt").write_text("keras", encoding="utf-8")
    model.signature = ModelSignature(inputs=Schema([_spec(item) for item in document.inputs]))
    model.save(str(root / "MLmodel"))


def _spec(item: Input) -> TensorSpec:
    kind: Any = object if item.tensor == "string" else item.tensor
    return TensorSpec(np.dtype(kind), (-1, *(item.shape or (1,))), item.name)
