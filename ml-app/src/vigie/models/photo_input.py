"""What of a model a photo alone can answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vigie.errors import DataError
from vigie.models.decoding import RowDecoder

if TYPE_CHECKING:
    from vigie.models.document import PackageDocument
    from vigie.models.model_input import Input


def photo_input(document: PackageDocument) -> tuple[Input, RowDecoder | None]:
    """The input that takes the photo, and what fills the others.

    Raises `DataError` for a model that takes no photo, several, or something that must be given.
    """
    if len(document.images) != 1:
        raise DataError(f"{document.name} takes {len(document.images)} photos a row, not one")
    others = [item for item in document.inputs if not item.is_image]
    if needed := [item.name for item in others if item.required]:
        raise DataError(f"{document.name} needs {', '.join(needed)} beside the photo")
    return document.images[0], RowDecoder(others) if others else None
