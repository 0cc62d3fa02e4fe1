"""The package of a SavedModel that is served from its folder, without MLflow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vigie.models.manifest import write_manifest
from vigie.models.signing import sign_with
from vigie.sandbox.run import Limits
from vigie.training.imported.memory import limits_for
from vigie.training.imported.package import Wanted, write_package
from vigie.training.imported.photos import PhotoOptions

if TYPE_CHECKING:
    from vigie.settings import Settings

UNASKED = PhotoOptions(asks=False)
"""Its callers send tensors: an input of pixels stays one of numbers."""


def package_served(source: Path, name: str, root: Path, settings: Settings) -> str:
    """Writes the package of the SavedModel in `source` below `root`, unverified; its digest.

    Raises `RefusedPackage` and `DataError`.
    """
    limits = limits_for(source, Limits(settings.max_model_memory_bytes))
    write_package(source, Wanted(name, photos=UNASKED), root, limits)
    digest = write_manifest(root)
    sign_with(root, settings.signing_key)
    return digest
