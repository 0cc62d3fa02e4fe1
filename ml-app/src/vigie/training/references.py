"""The reference rows that a package is written with: vectors, labels, names, small pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vigie.models.neighbours import THUMBNAILS, thumbnail_path, write_neighbours

if TYPE_CHECKING:
    from pathlib import Path

    from vigie.models.neighbours import Neighbours
    from vigie.models.vectors import Neighbourhood


@dataclass(frozen=True)
class References:
    """What a package says of its reference rows, and these.

    `thumbnails` are JPEG files, one per row, or none.
    """

    described: Neighbourhood
    neighbours: Neighbours
    thumbnails: Sequence[bytes] = ()

    def write(self, root: Path) -> None:
        """Writes their files of the package in `root`."""
        write_neighbours(root, self.neighbours)
        if not self.thumbnails:
            return
        (root / THUMBNAILS).mkdir()
        for place, content in enumerate(self.thumbnails):
            thumbnail_path(root, place).write_bytes(content)
