"""Parts of the photos to judge by while training: labels in their shares, like photos together."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from vigie.training.photos.linear_head import Fold

FOLDS = 5
MANY_PHOTOS = 3000
"""From so many on, one part judges: it is large enough, and fits take their time."""


def folds_of(target: np.ndarray, groups: np.ndarray, count: int, seed: int) -> list[Fold]:
    """`count` folds of all photos, `target` [photos] and `groups` [photos] in their order."""
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # a label with fewer photos than folds is in some of them only
        warnings.simplefilter("ignore", UserWarning)
        parts = list(splitter.split(np.zeros(len(target)), target, groups))
    return [Fold(training, judged) for training, judged in parts if len(training) and len(judged)]


def judging_folds(target: np.ndarray, groups: np.ndarray, seed: int) -> list[Fold]:
    """The folds by which training chooses: all of few photos, the first of many."""
    most = len(np.unique(groups))
    folds = folds_of(target, groups, min(FOLDS, most), seed)
    # what is not learnt from cannot be told: a fold without one of two labels fits nothing
    folds = [fold for fold in folds if len(np.unique(target[fold.training])) > 1]
    return folds[:1] if len(target) >= MANY_PHOTOS else folds
