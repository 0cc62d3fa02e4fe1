"""Photos with their labels: decoded once, on the disk and not in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from vigie.models.photo_figures import FIGURES
from vigie.training.dataset import Dataset

if TYPE_CHECKING:
    from vigie.models.document import Rule
    from vigie.models.model_input import Input
    from vigie.models.text import Text

Side = Literal["training", "held out"]


@dataclass(frozen=True)
class PhotoFile:
    """A file with its label; `name` is shown to people, `side` is a split that is given."""

    path: Path
    name: str
    label: str
    side: Side | None = None


@dataclass(frozen=True)
class PhotoSet:
    """Photos at the size of `item`: `store` has the pixels, uint8 [all photos, height, width, 3].

    `rows` are the places in it of the photos of this set. `figures` [photos, FIGURES], `thumbs`
    [photos, 8, 9, 3], `sha256` of their files and `files` stand in the order of `rows`.
    """

    item: Input
    store: np.ndarray
    rows: np.ndarray
    files: tuple[PhotoFile, ...]
    sha256: tuple[str, ...]
    figures: np.ndarray
    thumbs: np.ndarray
    source: Text
    rules: tuple[Rule, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def labels(self) -> np.ndarray:
        """The label of each photo, text [photos]."""
        return np.array([file.label for file in self.files], object)

    def pixels(self, places: Sequence[int] | np.ndarray) -> np.ndarray:
        """The pixels of the photos at these places of the set."""
        return np.asarray(self.store[self.rows[places]])

    def take(self, places: np.ndarray) -> PhotoSet:
        """The part of the set at these places."""
        return replace(
            self,
            rows=self.rows[places],
            files=tuple(self.files[i] for i in places),
            sha256=tuple(self.sha256[i] for i in places),
            figures=self.figures[places],
            thumbs=self.thumbs[places],
        )

    def digest(self) -> str:
        """Equal where the same photos have the same labels."""
        pairs = sorted(zip(self.sha256, self.labels.tolist(), strict=True))
        return hashlib.sha256(
            "\n".join(map(" ".join, pairs)).encode("utf-8", "replace")
        ).hexdigest()

    def dataset(self, sha256: str) -> Dataset:
        """The photos as rows of their input; `sha256` is that of all the data."""
        store = np.asarray(self.store)
        return Dataset(
            {self.item.name: [store[row] for row in self.rows]},
            self.labels, self.sha256, self.source, sha256, self.rules,
        )  # fmt: skip

    def described(self, sha256: str) -> Dataset:
        """The photos by their file names and figures, for tables of people."""
        columns: dict[str, list[object]] = {"file": [file.name for file in self.files]}
        for place, figure in enumerate(FIGURES):
            columns[f"{self.item.name}.{figure}"] = self.figures[:, place].tolist()
        return Dataset(columns, self.labels, self.sha256, self.source, sha256, self.rules)
