"""The model of a command: as `vigie batch` takes it, or a package's folder or zip by its URI."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from vigie.errors import DataError, NotFound
from vigie.registry.reference import open_model
from vigie.spark.storage import Storage
from vigie.spark.uri import is_uri, uri_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from vigie.registry.reference import BatchModel
    from vigie.settings import Settings

_MOST_BYTES = 8 * 2**30
"""Of a package that is unpacked."""
_ENCRYPTED = 1
"""The bit of a file's flags that says so."""


def fetch_model(
    session: SparkSession, reference: str, scratch: Path, settings: Settings
) -> BatchModel:
    """The model that `reference` names, verified; what a URI names is copied into `scratch`.

    Raises `NotFound`, `RegistryError`, `RefusedPackage`, and `DataError` for what is no zip
    that can be unpacked, and for a URI with a key in it.
    """
    if not is_uri(reference):
        if not reference.endswith(".zip"):
            return open_model(reference, settings)
        archive = Path(reference)
        if not archive.is_file():
            raise NotFound(f"there is no {reference}")
        return open_model(str(_unpacked(archive, scratch)), settings)
    reference = uri_of(reference)
    storage = Storage(session)
    if not storage.exists(reference):
        raise NotFound("there is no package at the URI of MODEL")
    target = scratch / PurePosixPath(reference).name
    storage.download(reference, target)
    return open_model(str(_unpacked(target, scratch) if target.is_file() else target), settings)


def _unpacked(archive: Path, scratch: Path) -> Path:
    """The folder of a package in a zip: its root, or the only folder in it."""
    folder = scratch / "package"
    try:
        with zipfile.ZipFile(archive) as file:
            if sum(one.file_size for one in file.infolist()) > _MOST_BYTES:
                raise DataError(f"{archive.name} is too large for a package")
            if any(one.flag_bits & _ENCRYPTED for one in file.infolist()):
                raise DataError(f"{archive.name} is encrypted: give a zip without a password")
            # names that lead out of the folder lose what does
            file.extractall(folder)
    except (zipfile.BadZipFile, NotImplementedError, zlib.error):
        raise DataError(
            f"{archive.name} is no zip: give the folder of a package or a zip"
        ) from None
    inner = [path for path in folder.iterdir() if path.is_dir()]
    if not (folder / "vigie").is_dir() and len(inner) == 1:
        return inner[0]
    return folder
