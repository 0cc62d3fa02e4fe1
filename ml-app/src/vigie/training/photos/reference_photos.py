"""The training photos that a package keeps as vectors: few of each label, called by their names."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from vigie.models.neighbours import LONGEST_NAME, MOST_NUMBERS, Neighbours
from vigie.models.photo import photo_file
from vigie.models.photo_figures import FIGURES
from vigie.models.vectors import Neighbourhood
from vigie.training.references import References

if TYPE_CHECKING:
    from vigie.training.photos.photo_set import PhotoSet
    from vigie.training.photos.plan import NeighboursPlan

THUMBNAIL_SIDE = 128
_ASPECT = FIGURES.index("aspect")


def choose_references(photos: PhotoSet, most: int) -> np.ndarray:
    """The places of at most so many photos, sorted: as many of each label as may be.

    Which photos of a label are taken is drawn from their content, the same in every run.
    """
    order = sorted(range(len(photos)), key=lambda place: _drawn(photos.sha256[place]))
    before: Counter[str] = Counter()
    turns = []
    for rank, place in enumerate(order):
        label = photos.files[place].label
        turns.append((before[label], rank, place))
        before[label] += 1
    return np.sort([place for _, _, place in sorted(turns)[:most]])


def most_references(plan: NeighboursPlan, width: int) -> int:
    """How many photos may be kept: those of the plan, fewer where their vectors are long."""
    return min(plan.most, MOST_NUMBERS // width)


def build_references(
    plan: NeighboursPlan,
    output: str,
    photos: PhotoSet,
    vectors: np.ndarray,
    labels: Sequence[str],
) -> References:
    """What the package keeps of these photos; `vectors` [photos, width] are what `output` is."""
    place_of = {label: place for place, label in enumerate(labels)}
    own = np.array([place_of.get(file.label, -1) for file in photos.files], np.int64)
    return References(
        Neighbourhood(output=output, count=plan.count, thumbnails=plan.thumbnails),
        Neighbours(vectors.astype(np.float32), own, _names(photos, plan.names)),
        [_thumbnail(photos, place) for place in range(len(photos))] if plan.thumbnails else (),
    )


def _drawn(sha256: str) -> str:
    return hashlib.sha256(f"reference {sha256}".encode()).hexdigest()


def _names(photos: PhotoSet, shown: bool) -> tuple[str, ...]:
    """A name of its own for each photo, from the end where it is long; a number else."""
    plain = ["".join(c if c.isprintable() else "?" for c in one.name) for one in photos.files]
    short = [name[-LONGEST_NAME:] for name in plain]
    counts = Counter(short)
    return tuple(
        name if shown and name and counts[name] == 1 else str(place)
        for place, name in enumerate(short)
    )


def _thumbnail(photos: PhotoSet, place: int) -> bytes:
    """A small JPEG, of the photo's own aspect where it was stretched."""
    pixels = photos.pixels([place])[0]
    resize = photos.item.resize
    if resize is not None and resize.fit == "stretch":
        aspect = float(np.clip(photos.figures[place, _ASPECT], 0.25, 4))
        longer = max(pixels.shape[:2])
        size = (longer, round(longer / aspect)) if aspect > 1 else (round(longer * aspect), longer)
        pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))
    return photo_file(pixels, THUMBNAIL_SIDE)
