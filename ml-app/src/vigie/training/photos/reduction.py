"""The principal components of features: found on training photos, a layer of the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import keras
import numpy as np
from sklearn.decomposition import PCA

from vigie.errors import DataError

if TYPE_CHECKING:
    from vigie.training.photos.plan import ReductionPlan

_NOTHING = 1e-10
"""A component with a smaller share of the variance is rounding."""


@dataclass(frozen=True)
class FittedReduction:
    """Features less their `mean` [width], projected on `components` [components, width].

    `shares` [components] is the part of the variance that each has, the largest first. `lowered`
    says how many were asked for, where there are not so many.
    """

    mean: np.ndarray
    components: np.ndarray
    shares: np.ndarray
    lowered: int | None = None

    def __len__(self) -> int:
        return len(self.components)

    def apply(self, features: np.ndarray) -> np.ndarray:
        """Float32 [..., components] of features [..., width]."""
        found: np.ndarray = ((features - self.mean) @ self.components.T).astype(np.float32)
        return found

    def kept(self, features: np.ndarray) -> float:
        """The share of the variance of these features [photos, width] that the components keep.

        Around the mean of the training photos; 1 where there is no variance.
        """
        centred = features - self.mean
        whole = float(np.sum(centred**2))
        return float(np.sum((centred @ self.components.T) ** 2)) / whole if whole else 1.0

    def layer(self, name: str) -> keras.layers.Layer:
        """The projection as a layer, which takes features [rows, width]."""
        layer = keras.layers.Dense(len(self), name=name)
        layer.build((None, len(self.mean)))
        offset = -self.mean @ self.components.T
        layer.set_weights([self.components.T.astype(np.float32), offset.astype(np.float32)])
        return layer


def fit_reduction(plan: ReductionPlan, features: np.ndarray) -> FittedReduction:
    """The components of features [photos, width], as many as the plan says or as there are.

    Of n photos there are n - 1 at most. Raises `DataError` where all photos have the same features.
    """
    photos, width = features.shape
    # exact ones: an approximate solver differs from run to run and from other libraries
    solver = "covariance_eigh" if photos > width else "full"
    # shares of no variance at all
    with np.errstate(invalid="ignore"):
        found = PCA(min(photos, width), svd_solver=solver).fit(features.astype(np.float64))
    shares = np.nan_to_num(found.explained_variance_ratio_)
    there = int(np.sum(shares > _NOTHING))
    if not there:
        raise DataError("all photos have the same features, which have no components")
    wanted = plan.components or _needed(shares, plan.variance or 1.0)
    count = min(wanted, there)
    return FittedReduction(
        found.mean_,
        found.components_[:count],
        shares[:count],
        wanted if count < wanted else None,
    )


def _needed(shares: np.ndarray, variance: float) -> int:
    """The fewest components that have so much of the variance together."""
    return int(np.searchsorted(np.cumsum(shares), variance)) + 1
