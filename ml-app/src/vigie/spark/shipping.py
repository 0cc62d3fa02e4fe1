"""A package to every executor, once; and to a predictor there, once a Python process."""

from __future__ import annotations

import gc
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from vigie.engines.predictor import open_predictor, wanted_engine
from vigie.models.manifest import MANIFEST, verify_manifest
from vigie.models.neighbours import NEIGHBOURS
from vigie.models.package import (
    DOCUMENT,
    GOLDEN,
    GOLDEN_ARRAYS,
    ONNX_MODEL,
    keras_model_in,
    read_package,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from vigie.engines.predictor import Predictor

_SHOWN_DIGITS = 16


@dataclass(frozen=True, slots=True)
class ShippedPackage:
    """What a task is told of a package: its folder among the job's files, and what it must be."""

    folder: str
    digest: str
    engine: str
    parts: tuple[str, ...]

    def open(self) -> Predictor:
        """The predictor of this process, one thread a call; verified when it is first asked for."""
        return _opened(self)


def ship(session: SparkSession, predictor: Predictor, scratch: Path) -> ShippedPackage:
    """Gives a package to every executor that runs or will run.

    Only what answers is sent, and held there against the manifest that is sent too. The archive is
    made in `scratch`, which must stay as long as the session.
    """
    package = predictor.package
    engine = wanted_engine(package, predictor.engine.name)
    graph = (
        ONNX_MODEL if engine == "onnx" else keras_model_in(package.root).relative_to(package.root)
    )
    parts = tuple(
        path.as_posix()
        for path in (DOCUMENT, GOLDEN, GOLDEN_ARRAYS, NEIGHBOURS, graph)
        if (package.root / path).is_file()
    )
    folder = f"vigie-{package.digest[:_SHOWN_DIGITS]}"
    archive = scratch / f"{folder}.zip"
    # weights do not become smaller
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for name in (*parts, MANIFEST.as_posix()):
            file.write(package.root / name, name)
    session.sparkContext.addArchive(f"{archive}#{folder}")
    return ShippedPackage(folder, package.digest, engine, parts)


@cache
def _opened(shipped: ShippedPackage) -> Predictor:
    from pyspark import SparkFiles

    root = Path(SparkFiles.get(shipped.folder))
    verify_manifest(root, shipped.digest, shipped.parts)
    predictor = open_predictor(read_package(root, shipped.digest), shipped.engine, threads=1)
    # PySpark collects garbage behind every task; what is there for all of them is none
    gc.freeze()
    return predictor
