"""What the model card of photos says beside what every card does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vigie.training.model_card import table

if TYPE_CHECKING:
    import numpy as np

    from vigie.training.photos.evaluation import LabelFigures
    from vigie.training.photos.extractor import Extractor
    from vigie.training.photos.plan import PhotoPlan
    from vigie.training.photos.split import PhotoSplit

RANDOM = (
    "**The base has random weights: it was never trained, and neither are its features. "
    "For tests only.**"
)


def base_sections(plan: PhotoPlan, extractor: Extractor, split: PhotoSplit) -> list[str]:
    """Lines of Markdown: the base, and which photos are nearly the same."""
    height, width = plan.photo.shape[:2]
    return [
        "\n## Base\n",
        *([RANDOM, ""] if extractor.random else []),
        f"{plan.base} with {extractor.origin} (sha256 {extractor.sha256}), on photos of "
        f"{width} x {height} pixels"
        + (", its last block trained too." if plan.fine_tune else ", frozen."),
        "\n## Photos that are nearly the same\n",
        _alike(split),
    ]


def label_sections(figures: Sequence[LabelFigures], counts: np.ndarray) -> list[str]:
    """Lines of Markdown: how well each label is found, and what it is taken for."""
    labels = [one.label for one in figures]
    return [
        "\n## By label\n",
        *table(
            ("label", "held-out photos", "precision", "recall"),
            [
                (one.label, str(one.photos), f"{one.precision:.3f}", f"{one.recall:.3f}")
                for one in figures
            ],
        ),
        "\n## What is taken for what\n",
        *table(
            ("actual", *labels),
            [(label, *map(str, row)) for label, row in zip(labels, counts.tolist(), strict=True)],
        ),
    ]


def _alike(split: PhotoSplit) -> str:
    if not split.near_duplicates:
        return "None was found."
    found = f"{split.near_duplicates} photos have one that is nearly the same"
    if split.leaked:
        return (
            f"{found}; the split was given, and {split.leaked} held-out photos are nearly the same "
            "as one that was trained on: the figures flatter."
        )
    return f"{found}; each was kept on the same side as the other."
