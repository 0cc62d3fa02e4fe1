"""The package of a model that was trained elsewhere: its files, without MLflow."""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vigie.errors import DataError
from vigie.models.package import KERAS_MODEL, ONNX_MODEL
from vigie.sandbox.keras_archive import check_keras_file
from vigie.sandbox.run import run_confined
from vigie.training.imported.document import describe_imported
from vigie.training.imported.files import take, take_arrays, write_documents
from vigie.training.imported.memory import limits_for
from vigie.training.imported.photos import PhotoOptions, Question

if TYPE_CHECKING:
    from vigie.models.document import PackageDocument
    from vigie.sandbox.run import Limits

log = logging.getLogger("vigie.import")

_MAKERS = {".onnx": "onnx_model"}
"""What makes the parts of a package of a kind of file, in the sandbox; TensorFlow of all others."""


@dataclass(frozen=True)
class Wanted:
    """What the user says about the model: its name, and what its file does not tell."""

    name: str
    title: str | None = None
    task: str | None = None
    labels: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    examples: tuple[dict[str, Any], ...] = ()
    photos: PhotoOptions = field(default_factory=PhotoOptions)
    signature: str | None = None


class MissingStatement(DataError):
    """A model of photos that does not tell how its pixels are scaled, or of which size they are."""

    def __init__(self, name: str, question: Question) -> None:
        size = f" of {question.size[0]}x{question.size[1]}" if question.size else ""
        lacks = [] if question.size else ["of which size they are"]
        lacks += ["how their pixels are scaled"] if question.wants_scaling else []
        super().__init__(
            f"{name} takes photos{size} and does not tell {' nor '.join(lacks)}"
            + (f"; {question.finding.sign}: {question.finding.name}" if question.finding else "")
        )
        self.question = question


def write_package(
    source: Path, wanted: Wanted, root: Path, limits: Limits | None = None
) -> tuple[PackageDocument, dict[str, Any]]:
    """Writes the model at `source` and what is said of it below `root`; gives document and parts.

    The manifest is left to the caller, who may have files to add. Raises `RefusedPackage`,
    `DataError`, and `MissingStatement` where something must be said of its photos first.
    """
    if source.suffix == ".keras":
        check_keras_file(source, source.name)
    (root / "vigie").mkdir(parents=True)
    parts = _convert(source, wanted, root, limits)
    document = describe_imported(
        wanted.name, parts, f"imported from {_told(source)}", not wanted.examples,
        wanted.title, wanted.task,
    )  # fmt: skip
    write_documents(root, document, parts)
    for name in document.original.left_out if document.original else ():
        log.warning("%s: the output %r cannot be made again and is left out", wanted.name, name)
    return document, parts


def _told(source: Path) -> str:
    """The name of a file or folder; of a version folder, which is but a number, its model's too."""
    return f"{source.parent.name}/{source.name}" if source.name.isdecimal() else source.name


def _convert(source: Path, wanted: Wanted, root: Path, limits: Limits | None) -> dict[str, Any]:
    """Puts Keras model and graph below `root`, made in the sandbox; gives what it found out."""
    order: dict[str, Any] = {
        "source": str(source.resolve()),
        "labels": wanted.labels,
        "columns": wanted.columns,
        "examples": wanted.examples,
        "photos": wanted.photos.to_dict(),
    }
    if source.suffix not in _MAKERS:
        order["signature"] = wanted.signature
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        task = f"vigie.training.imported.{_MAKERS.get(source.suffix, 'conversion')}:to_package"
        allowed = limits or limits_for(source)
        parts: dict[str, Any] = run_confined(task, order, work, [source], allowed)
        if "question" in parts:
            raise MissingStatement(source.name, Question.from_dict(parts["question"]))
        take(work / "model.onnx", root / ONNX_MODEL)
        take_arrays(work, root)
        take(work / "model.keras", root / KERAS_MODEL)
    return parts
