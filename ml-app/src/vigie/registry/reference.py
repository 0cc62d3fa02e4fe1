"""The model of a batch run: from the cache, from a package's folder, or from MLflow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vigie.engines.predictor import open_predictor
from vigie.errors import NotFound
from vigie.models.package import read_document, read_package
from vigie.registry.cache import ModelCache
from vigie.registry.load import find_package
from vigie.settings import MODEL_NAME

if TYPE_CHECKING:
    from vigie.engines.predictor import Predictor
    from vigie.models.package import Package
    from vigie.settings import Settings

_SHOWN_DIGITS = 12


@dataclass(frozen=True, slots=True)
class BatchModel:
    """A verified model; its version is the number in MLflow, of a folder the digest's beginning."""

    name: str
    version: str
    predictor: Predictor

    @property
    def takes_photos(self) -> bool:
        """True where one of its inputs is a photo."""
        return bool(self.predictor.package.document.images)


def open_model(reference: str, settings: Settings) -> BatchModel:
    """The model `weather` of the cache, `./folder` of a package, or `weather/3` of MLflow.

    A call has one thread: calls run beside each other. Raises `NotFound`, `RegistryError` or
    `RefusedPackage`.
    """
    try:
        return _open(reference, settings)
    except PermissionError:
        raise NotFound(f"there is no right to read the model {Path(reference).name}") from None


def _open(reference: str, settings: Settings) -> BatchModel:
    if MODEL_NAME.fullmatch(reference):
        package, version = _of_cache(reference, settings)
    else:
        package, number = find_package(reference, settings)
        version = number or package.digest[:_SHOWN_DIGITS]
    predictor = open_predictor(package, settings.engine, threads=1)
    return BatchModel(package.document.name, version, predictor)


def _of_cache(name: str, settings: Settings) -> tuple[Package, str]:
    cached = ModelCache(settings.cache).champion(name)
    if cached is None:
        hint = f"; the folder is ./{name}" if Path(name).is_dir() else ""
        raise NotFound(
            f"the cache has no {name}; `vigie follow --once` fetches the champions{hint}"
        )
    return read_package(cached.root, cached.digest), cached.version


def photo_models(cache: ModelCache) -> list[str]:
    """The models of the cache that take photos, sorted."""
    found = ((name, cache.champion(name)) for name in cache.models())
    return [name for name, cached in found if cached and read_document(cached.root).images]
