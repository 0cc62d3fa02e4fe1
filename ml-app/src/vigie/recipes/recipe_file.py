"""Reads a recipe's YAML file, of a table or of photos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from vigie.errors import DataError
from vigie.recipes.photos.spec import PhotoSpec
from vigie.recipes.tabular.spec import TableSpec

PHOTOS = "photos"
"""The entry by which a recipe of photos is told."""


def read_spec(path: Path) -> TableSpec | PhotoSpec:
    """The recipe in a YAML file; `DataError` names the entry that is wrong."""
    content = _content(path)
    kind = PhotoSpec if isinstance(content, dict) and PHOTOS in content else TableSpec
    try:
        return kind.model_validate(content)
    except ValidationError as invalid:
        first = invalid.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise DataError(f"{path.name}: {where}: {first['msg']}") from None


def _content(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as failure:
        raise DataError(f"{path.name} cannot be read ({failure.strerror})") from None
    except yaml.YAMLError as broken:
        raise DataError(f"{path.name} is not YAML: {broken}") from None
