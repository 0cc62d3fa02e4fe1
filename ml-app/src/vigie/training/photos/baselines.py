"""Simple models of photos on the same split: a network that does no better does not serve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

if TYPE_CHECKING:
    from vigie.training.photos.photo_set import PhotoSet

LEVELS = 4
"""Of each colour: 64 colours are counted."""


def predict_baselines(training: PhotoSet, test: PhotoSet) -> dict[str, np.ndarray]:
    """What each baseline, fitted on `training`, answers for `test`: a label per photo.

    `majority` knows the most frequent label, `colour_histogram` how often each of 64 colours is
    seen.
    """
    known, asked = _histograms(training), _histograms(test)
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    truth = training.labels
    return {
        "majority": DummyClassifier().fit(known, truth).predict(asked),
        "colour_histogram": linear.fit(known, truth).predict(asked),
    }


def _histograms(photos: PhotoSet) -> np.ndarray:
    """The square roots of the shares of colours, [photos, 64]."""
    found = np.zeros((len(photos), LEVELS**3))
    for place in range(len(photos)):
        red, green, blue = np.moveaxis(photos.pixels([place])[0] // (256 // LEVELS), 2, 0)
        codes = (red * LEVELS**2 + green * LEVELS + blue).astype(np.int64).ravel()
        found[place] = np.bincount(codes, minlength=LEVELS**3) / codes.size
    return np.sqrt(found)
