"""How often photos find their own label among the references, by both distances."""

from __future__ import annotations

import numpy as np

from vigie.models.neighbours import Neighbours
from vigie.training.photos.retrieval import retrieval_figures, retrieval_lines

KNOWN = Neighbours(
    np.array([[1, 0], [2, 0.1], [0, 1], [0.1, 0.2]], np.float32),
    np.array([0, 0, 1, -1]),
    ("a", "b", "c", "d"),
)


def test_both_distances_are_measured() -> None:
    asked = np.array([[9, 0.3], [0.2, 0.1]], np.float32)
    truths = np.array(["red", "green"], object)
    figures = retrieval_figures(KNOWN, ["red", "green"], asked, truths, 2)
    # by the angle both are most like red ones
    assert figures["cosine"] == {"nearest_accuracy": 0.5, "neighbours_precision": 0.5}
    # by the length the second is next to one without a label
    assert figures["Euclidean"]["nearest_accuracy"] == 0.5
    card = "\n".join(retrieval_lines(figures, 4, 2))
    assert "keeps 4 training photos" in card
    assert "| cosine | 0.500 | 0.500 |" in card


def test_without_labels_nothing_is_measured() -> None:
    assert not any("|" in line for line in retrieval_lines({}, 4, 2))
