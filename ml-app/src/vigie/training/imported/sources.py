"""Finds a model to import: on this machine, in a bucket, or in MLflow without a package."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from vigie.errors import DataError, RegistryError
from vigie.registry.bucket import SCHEMES, Bucket
from vigie.registry.client import RegisteredVersion, RegistryClient
from vigie.registry.saved_folder import MOST_FILES

if TYPE_CHECKING:
    from vigie.settings import Settings


def fetch(source: str, folder: Path, settings: Settings) -> Path:
    """The model's file or folder on this machine, found or downloaded into `folder`."""
    scheme, separator, rest = source.partition(":")
    if separator and scheme == "models":
        return _registered(rest.lstrip("/"), folder, settings)
    if "://" in source:
        return _model_in(_from_bucket(scheme, source, folder))
    path = Path(source)
    if not path.exists():
        raise DataError(f"there is no {source}")
    return _model_in(path)


def _model_in(path: Path) -> Path:
    """The SavedModel in a folder or in its highest version folder; a file as it is."""
    if path.is_file():
        if path.suffix not in (".keras", ".h5", ".hdf5", ".onnx"):
            raise DataError(f"{path.name} is neither .keras, .h5, .onnx nor a SavedModel folder")
        return path
    versions = sorted((p for p in path.iterdir() if p.name.isdigit()), key=lambda p: int(p.name))
    for candidate in (path, *reversed(versions)):
        if (candidate / "saved_model.pb").is_file():
            return candidate
    raise DataError(f"{path.name} holds no saved_model.pb, nor does a version folder in it")


def _from_bucket(scheme: str, source: str, folder: Path) -> Path:
    if scheme not in SCHEMES:
        raise DataError(f"{scheme}:// is not read; use a local path, gs:// or s3://")
    if source.endswith((".h5", ".hdf5")):
        raise DataError("a .h5 file is taken from this machine only; download it first")
    bucket = Bucket(source)
    names = bucket.files()
    if not names:
        raise DataError(f"there is nothing at {bucket.title}")
    if len(names) > MOST_FILES:
        raise DataError(f"{bucket.title} holds more than {MOST_FILES} files")
    target = folder / bucket.name
    for name in names:
        bucket.fetch(name, target / name)
    return target


def _registered(name_and_version: str, folder: Path, settings: Settings) -> Path:
    """The file of a version that was logged with MLflow's own Keras or ONNX flavour."""
    client = RegistryClient.of(settings)
    numbered = re.fullmatch(r"([^/@]+)/(\d+)", name_and_version)
    aliased = re.fullmatch(r"([^/@]+)@([\w-]+)", name_and_version)
    version: RegisteredVersion | None = None
    if numbered:
        version = RegisteredVersion(numbered[1], numbered[2], "")
    elif aliased:
        version = client.version_of(aliased[1], aliased[2])
    if version is None:
        raise DataError("write models:/NAME/VERSION or models:/NAME@ALIAS, of a version there is")
    try:
        client.download(version, folder / "version", settings.max_package_bytes)
    except RegistryError as failure:
        raise RegistryError(f"models:/{name_and_version} cannot be fetched: {failure}") from None
    # nothing in MLmodel is followed: the one file that counts has one place per flavour
    for name in ("data/model.keras", "model.onnx"):
        found = folder / "version" / name
        if found.is_file():
            return found
    raise DataError(
        "that version has no data/model.keras and no model.onnx; log it with "
        "mlflow.keras.log_model or mlflow.onnx.log_model"
    )
