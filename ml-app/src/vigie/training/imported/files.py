"""What an import puts into a package: files that the sandbox made, and the documents."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vigie.models.package import DOCUMENT, GOLDEN
from vigie.models.reference_rows import Golden

if TYPE_CHECKING:
    from vigie.models.document import PackageDocument


def take(made: Path, target: Path) -> None:
    """Copies what the sandbox made, where it made it; a link is none."""
    if made.is_file() and not made.is_symlink():
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(made, target)


def write_documents(root: Path, document: PackageDocument, parts: Mapping[str, Any]) -> None:
    """Writes `package.json`, and the rows that the model was tried on as `golden.json`."""
    golden = Golden(rows=parts["rows"], outputs=parts["answers"], absolute_tolerance=1e-5)
    (root / DOCUMENT).write_text(document.model_dump_json(indent=2), encoding="utf-8")
    (root / GOLDEN).write_text(golden.model_dump_json(indent=2), encoding="utf-8")
