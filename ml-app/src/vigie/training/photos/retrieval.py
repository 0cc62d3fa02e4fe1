"""How well held-out photos find photos of their own label among those that a package keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from vigie.training.model_card import table

if TYPE_CHECKING:
    from vigie.models.neighbours import Neighbours

COSINE, EUCLIDEAN = "cosine", "Euclidean"
_COMPARED_TOGETHER = 256


def retrieval_figures(
    neighbours: Neighbours,
    labels: Sequence[str],
    vectors: np.ndarray,
    truths: np.ndarray,
    count: int,
) -> dict[str, dict[str, float]]:
    """By each distance the shares of photos whose nearest reference, and of the `count` nearest
    references that, have the label that is true.

    `vectors` [photos, width] and `truths` [photos] are those of photos that are no references.
    """
    found = {
        COSINE: neighbours.nearest(vectors, count)[0],
        EUCLIDEAN: _by_distance(neighbours.vectors, vectors, count),
    }
    named = np.array([*labels, None], object)[neighbours.labels]
    figures = {}
    for distance, places in found.items():
        right = named[places] == truths[:, np.newaxis]
        figures[distance] = {
            "nearest_accuracy": float(right[:, 0].mean()),
            "neighbours_precision": float(right.mean()),
        }
    return figures


def retrieval_lines(
    figures: Mapping[str, Mapping[str, float]], references: int, count: int
) -> list[str]:
    """What a model card says of it, lines of Markdown."""
    rows = [
        (distance, f"{one['nearest_accuracy']:.3f}", f"{one['neighbours_precision']:.3f}")
        for distance, one in figures.items()
    ]
    told = (
        f"The package keeps {references} training photos as vectors. How often held-out photos "
        f"find their own label there; answers go by the {COSINE} of the angle, the other distance "
        "is for comparison."
    )
    measures = table(("distance", "nearest photo", f"{count} nearest photos"), rows)
    return ["\n## Photos that are most alike\n", told, *(["", *measures] if rows else [])]


def _by_distance(known: np.ndarray, asked: np.ndarray, count: int) -> np.ndarray:
    """The places of the nearest rows, int [asked, count]."""
    squares = (known.astype(np.float64) ** 2).sum(axis=1)
    parts = [
        np.argsort(squares - 2 * asked[start : start + _COMPARED_TOGETHER] @ known.T, axis=1)
        for start in range(0, len(asked), _COMPARED_TOGETHER)
    ]
    return np.concatenate(parts)[:, :count]
