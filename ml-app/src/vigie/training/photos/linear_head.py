"""A linear head: logistic regression on features, as strong a penalty as unseen photos like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Of scikit-learn's `C`, for features of spread 1: the smaller, the stronger the penalty."""
REDUCED_STRENGTHS = (1e-2, 1e-1, 1.0, 10.0, 100.0)
"""For principal components: fewer numbers have the same spread together."""
MOST_STEPS = 300
_LEAST_SHARE = 1e-6


@dataclass(frozen=True)
class Fold:
    """Places of the photos to learn from, and of those to judge by."""

    training: np.ndarray
    judged: np.ndarray


@dataclass(frozen=True)
class LinearHead:
    """Scores are the softmax of features @ `kernel` [width, labels] + `bias` [labels].

    `unseen` [photos, labels] are the scores of training photos by heads that did not learn from
    them, NaN where none was kept from a photo; `error` is their mean cross-entropy.
    """

    kernel: np.ndarray
    bias: np.ndarray
    strength: float
    unseen: np.ndarray
    error: float

    def scores(self, features: np.ndarray) -> np.ndarray:
        """[photos, labels] of features [photos, width]."""
        return softmax(features @ self.kernel + self.bias)


def fit_linear_head(
    features: np.ndarray,
    target: np.ndarray,
    labels: int,
    folds: Sequence[Fold],
    balanced: bool,
    strengths: Sequence[float] = STRENGTHS,
) -> LinearHead:
    """The head of all photos, its penalty chosen by `folds`.

    `features` are [copies, photos, width], the photos themselves first; `target` [photos] the
    places of their labels, of `labels` in all.
    """
    middle = features.mean(axis=(0, 1), dtype=np.float64)
    # one number for all features: how much each of them varies is what the base has learnt
    spread = float(np.sqrt(features.var(axis=(0, 1), dtype=np.float64).mean())) or 1.0
    # one copy, and half as large where there are many photos
    few = features.shape[0] * features.shape[1] < features.shape[2]
    scaled: np.ndarray = features.astype(np.float64 if few else np.float32)
    scaled -= middle
    scaled /= spread
    basis = _basis(scaled) if few else None
    reduced = scaled if basis is None else scaled @ basis
    tried = [
        (_unseen(reduced, target, labels, folds, balanced, strength), strength)
        for strength in strengths
    ]
    judged = np.concatenate([fold.judged for fold in folds])
    errors = [cross_entropy(unseen[judged], target[judged]) for unseen, _ in tried]
    best = int(np.argmin(errors))
    unseen, strength = tried[best]
    kernel, bias = _fit(reduced, target, labels, balanced, strength)
    kernel = (kernel if basis is None else basis @ kernel) / spread
    bias = bias - middle @ kernel
    return LinearHead(
        kernel.astype(np.float32), bias.astype(np.float32), strength, unseen, errors[best]
    )


def softmax(logits: np.ndarray) -> np.ndarray:
    """Shares [rows, labels] of logits."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return shares


def cross_entropy(scores: np.ndarray, target: np.ndarray) -> float:
    """The mean over rows of minus the logarithm of the right label's score."""
    right = scores[np.arange(len(target)), target]
    return float(-np.log(np.maximum(right, _LEAST_SHARE)).mean())


def _basis(features: np.ndarray) -> np.ndarray:
    """An orthonormal basis [width, rank] of all that the features span.

    A penalty on the squares does not see it: the same head, found in fewer numbers where there are
    fewer photos than features.
    """
    rows = features.reshape(-1, features.shape[-1])
    return np.asarray(np.linalg.svd(rows, full_matrices=False)[2].T)


def _unseen(
    features: np.ndarray,
    target: np.ndarray,
    labels: int,
    folds: Sequence[Fold],
    balanced: bool,
    strength: float,
) -> np.ndarray:
    scores = np.full((features.shape[1], labels), np.nan)
    for fold in folds:
        part = features[:, fold.training]
        kernel, bias = _fit(part, target[fold.training], labels, balanced, strength)
        scores[fold.judged] = softmax(features[0, fold.judged] @ kernel + bias)
    return scores


def _fit(
    features: np.ndarray, target: np.ndarray, labels: int, balanced: bool, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """Kernel [width, labels] and bias; a label that is not in `target` gets no score."""
    copies, photos, width = features.shape
    # copies of a photo weigh as much as the photo: the penalty does not depend on their number
    weights = np.full(copies * photos, 1 / copies)
    model = LogisticRegression(
        C=strength, max_iter=MOST_STEPS, tol=1e-3, class_weight="balanced" if balanced else None
    )
    # many short steps: threads that wait for each other take longer on busy cores
    with threadpool_limits(1, "blas"):
        model.fit(features.reshape(-1, width), np.tile(target, copies), weights)
    kernel, bias = np.zeros((width, labels)), np.full(labels, -30.0)
    coefficients, intercepts = model.coef_, model.intercept_
    if len(model.classes_) == 2:
        coefficients = np.stack([np.zeros(width), coefficients[0]])
        intercepts = np.array([0.0, intercepts[0]])
    kernel[:, model.classes_] = coefficients.T
    bias[model.classes_] = intercepts
    return kernel, bias
