"""Principal components of features, as scikit-learn finds them and the network computes them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from vigie.errors import DataError
from vigie.training.photos.plan import ReductionPlan
from vigie.training.photos.reduction import fit_reduction


def features(photos: int = 40, width: int = 12) -> np.ndarray:
    rng = np.random.default_rng(5)
    spread = np.linspace(4, 0.1, width)
    return (rng.normal(size=(photos, width)) * spread + 3).astype(np.float32)


@pytest.mark.parametrize(("photos", "width"), [(40, 12), (10, 30)])
def test_the_components_are_those_of_scikit_learn(photos: int, width: int) -> None:
    known = features(photos, width)
    found = fit_reduction(ReductionPlan(components=4), known)
    other = PCA(4, svd_solver="full").fit(known.astype(np.float64))
    np.testing.assert_allclose(found.apply(known), other.transform(known), atol=1e-4)
    np.testing.assert_allclose(found.shares, other.explained_variance_ratio_, atol=1e-6)
    assert found.lowered is None
    assert found.kept(known) == pytest.approx(found.shares.sum(), abs=1e-6)


def test_the_layer_answers_what_training_saw() -> None:
    known = features()
    found = fit_reduction(ReductionPlan(components=3), known)
    layer = found.layer("vector")
    assert layer.name == "vector"
    np.testing.assert_allclose(np.asarray(layer(known)), found.apply(known), atol=1e-5)
    copies = np.stack([known, known + 1])
    np.testing.assert_allclose(found.apply(copies)[0], found.apply(known), atol=1e-6)


def test_a_share_of_the_variance_takes_as_few_as_are_needed() -> None:
    known = features()
    found = fit_reduction(ReductionPlan(variance=0.8), known)
    assert found.shares.sum() >= 0.8
    assert found.shares[:-1].sum() < 0.8


def test_more_components_than_there_are_are_lowered_and_that_is_said() -> None:
    found = fit_reduction(ReductionPlan(components=50), features(photos=8))
    assert (len(found), found.lowered) == (7, 50)
    doubled = np.repeat(features(photos=3), 4, axis=0)
    assert len(fit_reduction(ReductionPlan(components=5), doubled)) == 2


def test_photos_that_are_all_the_same_have_none() -> None:
    with pytest.raises(DataError, match="all photos have the same features"):
        fit_reduction(ReductionPlan(components=2), np.ones((6, 4), np.float32))
