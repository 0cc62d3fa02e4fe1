from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from vigie.training.photos.folds import folds_of, judging_folds
from vigie.training.photos.linear_head import (
    STRENGTHS,
    Fold,
    cross_entropy,
    fit_linear_head,
    softmax,
)

RNG = np.random.default_rng(3)


def clusters(photos: int, width: int, labels: int) -> tuple[np.ndarray, np.ndarray]:
    target = np.arange(photos) % labels
    middles = RNG.normal(0, 1, (labels, width))
    return middles[target] + RNG.normal(0, 1, (photos, width)), target


@pytest.mark.parametrize("width", [10, 200])
def test_fewer_photos_than_features_give_the_same_head_as_scikit_learn(width: int) -> None:
    features, target = clusters(60, width, 3)
    folds = folds_of(target, np.arange(60), 5, 0)
    head = fit_linear_head(features[None], target, 3, folds, balanced=False, strengths=(0.1,))
    scaled = features - features.mean(axis=0)
    scaled /= scaled.std()
    model = LogisticRegression(C=0.1, max_iter=5000, tol=1e-8).fit(scaled, target)
    assert head.scores(features) == pytest.approx(model.predict_proba(scaled), abs=5e-3)


def test_features_of_any_scale_give_the_same_head() -> None:
    """Those of a base with random weights are next to nothing."""
    features, target = clusters(60, 20, 3)
    folds = folds_of(target, np.arange(60), 5, 0)
    one, other = (
        fit_linear_head(factor * features[None] + 3 * factor, target, 3, folds, True)
        for factor in (1.0, 1e-12)
    )
    assert other.strength == one.strength
    assert other.scores(1e-12 * (features + 3)) == pytest.approx(one.scores(features + 3), abs=1e-3)


def test_the_penalty_is_the_one_that_unseen_photos_like() -> None:
    features, target = clusters(120, 300, 2)
    noise = RNG.permutation(target)
    folds = judging_folds(target, np.arange(120), 0)
    told = fit_linear_head(features[None], target, 2, folds, balanced=True)
    guessed = fit_linear_head(features[None], noise, 2, folds, balanced=True)
    assert guessed.strength == STRENGTHS[0]
    assert told.error < 0.3 < guessed.error
    assert not np.isnan(told.unseen).any()


def test_copies_weigh_as_much_as_their_photo() -> None:
    features, target = clusters(60, 8, 3)
    folds = folds_of(target, np.arange(60), 5, 0)
    once = fit_linear_head(features[None], target, 3, folds, False, (0.1,))
    thrice = fit_linear_head(np.stack([features] * 3), target, 3, folds, False, (0.1,))
    assert thrice.scores(features) == pytest.approx(once.scores(features), abs=5e-3)


def test_balanced_a_rare_label_is_found_more_often() -> None:
    features, target = clusters(100, 2, 2)
    kept = np.flatnonzero((target == 0) | (np.arange(100) < 20))
    folds = folds_of(target[kept], np.arange(len(kept)), 3, 0)
    found = {
        balanced: fit_linear_head(features[None, kept], target[kept], 2, folds, balanced, (0.1,))
        .scores(features)[:, 1]
        .mean()
        for balanced in (True, False)
    }
    assert found[True] > found[False] + 0.05


def test_a_label_that_was_not_seen_gets_no_score() -> None:
    features, target = clusters(30, 4, 2)
    fold = Fold(np.arange(25), np.arange(25, 30))
    scores = fit_linear_head(features[None], target, 3, [fold], True, (0.1,)).scores(features)
    assert scores[:, 2].max() < 1e-6


def test_softmax_and_cross_entropy_bear_extremes() -> None:
    shares = softmax(np.array([[1000.0, 0.0], [0.0, 0.0]]))
    assert shares.tolist() == [[1.0, 0.0], [0.5, 0.5]]
    assert cross_entropy(shares, np.array([0, 1])) == pytest.approx(np.log(2) / 2)
    assert np.isfinite(cross_entropy(shares, np.array([1, 1])))
