"""What an import puts into a package: files that the sandbox made, and the documents."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.models.package import DOCUMENT, GOLDEN, GOLDEN_ARRAYS
from vigie.models.reference_rows import Golden
from vigie.training.imported.parts import ARRAYS

if TYPE_CHECKING:
    from vigie.models.document import PackageDocument


def take(made: Path, target: Path) -> None:
    """Copies what the sandbox made, where it made it; a link is none."""
    if made.is_file() and not made.is_symlink():
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(made, target)


def take_arrays(work: Path, root: Path) -> None:
    """Copies the large values of the golden rows, where there are some."""
    take(work / ARRAYS, root / GOLDEN_ARRAYS)


def write_documents(root: Path, document: PackageDocument, parts: Mapping[str, Any]) -> None:
    """Writes `package.json`, and the rows that the model was tried on as `golden.json`."""
    largest = max(float(np.abs(values).max(initial=1)) for values in parts["answers"].values())
    golden = Golden(rows=parts["rows"], outputs=parts["answers"], absolute_tolerance=1e-5 * largest)
    (root / DOCUMENT).write_text(document.model_dump_json(indent=2), encoding="utf-8")
    (root / GOLDEN).write_text(golden.model_dump_json(indent=2), encoding="utf-8")
