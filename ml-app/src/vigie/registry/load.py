"""A model of MLflow, or a package on disk, as an object of a program: `vigie.load`."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import weakref
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from vigie.engines.packaged_model import PackagedModel
from vigie.engines.predictor import open_predictor
from vigie.errors import NotFound, RefusedPackage, RegistryError
from vigie.models.manifest import MANIFEST, file_digest
from vigie.models.package import read_document
from vigie.models.signing import load_public_keys
from vigie.registry.client import RegistryClient
from vigie.registry.fetch import fetch_verified
from vigie.registry.gate.integrity import verify_package
from vigie.settings import load_settings

if TYPE_CHECKING:
    from vigie.models.package import Package
    from vigie.registry.client import RegisteredVersion
    from vigie.settings import Settings

_REFERENCE = re.compile(
    r"(?:models:/)?(?P<name>[^/@:.~]+)(?:@(?P<alias>[^/@]+)|/(?P<number>[0-9]{1,18}))"
)
_FORMS = "name@champion, name/3, or the folder of a package, such as ./name"


def load(model: str | os.PathLike[str], *, mlflow_url: str | None = None) -> PackagedModel:
    """The model `churn@champion` or `churn/3` of MLflow, or of a package's folder, verified.

    `models:/churn/3` is taken too, and what is a path names a folder. `mlflow_url` is the address
    of MLflow; without it, `VIGIE_MLFLOW_URL`. What is loaded has passed what the service asks for:
    digest, signature, golden rows, in a child without rights. Raises `NotFound`, `RegistryError`
    and `RefusedPackage`, each with what to do.
    """
    settings = load_settings(mlflow_url=mlflow_url)
    package, version = find_package(model, settings)
    return PackagedModel(open_predictor(package, settings.engine), version)


def find_package(model: str | os.PathLike[str], settings: Settings) -> tuple[Package, str | None]:
    """The package that `load` takes by this name, verified, and its number if MLflow has it.

    A package of MLflow lies in a folder that is gone when nobody holds the package any more.
    """
    reference = _REFERENCE.fullmatch(model) if isinstance(model, str) else None
    if reference is None:
        return _of_folder(Path(model), settings), None
    client = RegistryClient.of(settings)
    try:
        version = _find(client, **reference.groupdict())
        return _of_registry(client, version, settings), version.version
    except RegistryError as failure:
        raise RegistryError(
            f"{failure}; is MLflow's address right? Give mlflow_url, or set VIGIE_MLFLOW_URL"
        ) from None


def _of_registry(client: RegistryClient, version: RegisteredVersion, settings: Settings) -> Package:
    with ExitStack() as until_fetched:
        root = Path(tempfile.mkdtemp(prefix="vigie-"))
        until_fetched.callback(shutil.rmtree, root, ignore_errors=True)
        try:
            package = fetch_verified(client, version, root, settings)
        except RefusedPackage as refused:
            raise RefusedPackage(f"{version.name} version {version.version}: {refused}") from None
        # from here on the folder goes when the package does
        weakref.finalize(package, until_fetched.pop_all().close)
    return package


def _of_folder(root: Path, settings: Settings) -> Package:
    """The package in a folder, held against its own manifest."""
    if not root.is_dir():
        raise NotFound(f"there is no folder {root.name}; load takes {_FORMS}")
    name = read_document(root).name
    if not (root / MANIFEST).is_file():
        raise RefusedPackage(
            f"{root.name} has no {MANIFEST}: take the whole folder of a package, as MLflow has it"
        )
    keys = load_public_keys(settings.public_keys)
    return verify_package(root, file_digest(root / MANIFEST), name, settings, keys)


def _find(
    client: RegistryClient, name: str, alias: str | None, number: str | None
) -> RegisteredVersion:
    """The version that a reference names; where there is none, what there is."""
    found = client.version(name, number or "") if alias is None else client.version_of(name, alias)
    if found is not None:
        return found
    models = {model.name: model for model in client.models()}
    if name not in models:
        known = ", ".join(models) or "none at all"
        raise NotFound(f"MLflow has no model {name}; it has {known}")
    if alias is None:
        numbers = ", ".join(version.version for version in client.versions(name)[:10]) or "none"
        raise NotFound(f"{name} has no version {number}; it has {numbers}")
    aliases = ", ".join(sorted(models[name].aliases)) or "none"
    raise NotFound(
        f"{name} has no alias {alias}; it has {aliases}. "
        f"`vigie promote {name} --version N` makes a version the champion"
    )
