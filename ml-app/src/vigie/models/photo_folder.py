"""The photos of a folder: which files are some, and in which order they are taken."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vigie.errors import DataError
from vigie.models.photo_names import by_bytes

PATTERNS = (
    "*.jpg", "*.jpeg", "*.png", "*.webp", "*.gif", "*.bmp", "*.tif", "*.tiff", "*.heic", "*.heif",
    "*.avif",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PhotoFolder:
    """The photos of a folder: files whose name fits a pattern, whatever its case.

    Hidden files are none. Links to files are followed, links to folders are not. A folder that is
    called as a photo is listed, and one that cannot be looked into: both get their error.
    """

    root: Path
    patterns: tuple[str, ...] = PATTERNS
    recursive: bool = False

    def names(self) -> list[str]:
        """The paths below the folder, sorted by their bytes."""
        # translated together: one look at each name
        fits = re.compile("|".join(map(fnmatch.translate, self.patterns)), re.IGNORECASE).match
        try:
            found = list(self._below("", fits))
        except OSError as failure:
            raise DataError(f"the input cannot be listed ({failure.strerror})") from None
        return sorted(found, key=by_bytes)

    def _below(self, folder: str, fits: Callable[[str], object]) -> Iterator[str]:
        inner = []
        with os.scandir(self.root / folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if fits(entry.name):
                    yield folder + entry.name
                if self.recursive and entry.is_dir(follow_symlinks=False):
                    inner.append(entry.name)
        for name in inner:
            try:
                yield from self._below(f"{folder}{name}/", fits)
            except OSError:
                if not fits(name):
                    yield folder + name
