"""Prediction intervals that are as wide as answers of that size have been wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np

ROWS_PER_BIN = 100
MOST_BINS = 8
FEWEST_ROWS = 20


@dataclass(frozen=True)
class Interval:
    """A split-conformal interval: a share `level` of the truths lies inside, for rows alike.

    Conformity is |actual - predicted|, on the log scale where every number is above zero (`scale`
    "log"), divided by the usual error of answers of that size: `widths` at `sizes`, straight lines
    between (Lei et al., "Distribution-Free Predictive Inference for Regression", JASA 2018, section
    5.2). `widths` are already multiplied by the conformal quantile.
    """

    level: float
    scale: Literal["log", "plain"]
    sizes: tuple[float, ...]
    widths: tuple[float, ...]

    @classmethod
    def calibrate(cls, predicted: np.ndarray, actual: np.ndarray, level: float = 0.9) -> Interval:
        """The interval from answers [rows] to rows that the model was not trained on.

        The quantile is the ceil((rows + 1) * level)-th smallest score, the finite-sample correction
        of Vovk et al., "Algorithmic Learning in a Random World" (2005); Lei et al., theorem 2.2.
        """
        predicted, actual = np.asarray(predicted, float), np.asarray(actual, float)
        if len(predicted) < FEWEST_ROWS or predicted.shape != actual.shape:
            raise ValueError(f"an interval needs at least {FEWEST_ROWS} answers and their truths")
        if not 0 < level < 1:
            raise ValueError("the level of an interval lies between 0 and 1")
        log = bool(predicted.min() > 0 and actual.min() > 0)
        errors = np.abs(np.log(actual / predicted) if log else actual - predicted)
        sizes, usual = _usual_errors(predicted, errors, level)
        scores = errors / np.interp(predicted, sizes, usual)
        factor = _upper_quantile(scores, level)
        widths = (usual * factor).tolist()
        return cls(level, "log" if log else "plain", tuple(sizes.tolist()), tuple(widths))

    def bounds(self, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper end for each answer [rows], float64, in the unit of the answers."""
        _, lower, upper = self.around(predicted)
        return lower, upper

    def around(self, predicted: np.ndarray) -> np.ndarray:
        """Each answer [rows] with its lower and upper end: float64 [3, rows]."""
        sizes, widths, log = self._knots
        # one array: for a single row it is the number of them that costs
        made = np.empty((3, *predicted.shape))
        made[0] = predicted
        values = made[0]
        width = np.interp(values, sizes, widths)
        if log:
            np.exp(width, width)
            np.divide(values, width, made[1])
            np.multiply(values, width, made[2])
        else:
            np.subtract(values, width, made[1])
            np.add(values, width, made[2])
        return made

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values: `level`, `scale`, `sizes`, `widths`."""
        return {
            "level": self.level,
            "scale": self.scale,
            "sizes": list(self.sizes),
            "widths": list(self.widths),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Interval:
        """The inverse of `to_dict`; `ValueError` or `KeyError` where that makes no interval."""
        sizes = tuple(map(float, values["sizes"]))
        widths = tuple(map(float, values["widths"]))
        level, scale = float(values["level"]), values["scale"]
        good = (
            0 < level < 1
            and scale in ("log", "plain")
            and 0 < len(sizes) == len(widths)
            and all(map(math.isfinite, (*sizes, *widths)))
            and all(a < b for a, b in pairwise(sizes))
            and min(widths) >= 0
        )
        if not good:
            raise ValueError("these values make no interval")
        return cls(level, scale, sizes, widths)

    @cached_property
    def _knots(self) -> tuple[np.ndarray, np.ndarray, bool]:
        return np.array(self.sizes), np.array(self.widths), self.scale == "log"


def _usual_errors(
    predicted: np.ndarray, errors: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """The quantile `level` of the error in bins of equal count, at the median answer of each."""
    order = np.argsort(predicted, kind="stable")
    count = min(max(1, len(order) // ROWS_PER_BIN), MOST_BINS)
    bins = np.array_split(order, count)
    sizes = np.array([np.median(predicted[rows]) for rows in bins])
    usual = np.array([np.quantile(errors[rows], level) for rows in bins])
    sizes, first = np.unique(sizes, return_index=True)
    usual = usual[first]
    # a bin without any error would make every other row of its size infinitely unusual
    floor = max(float(usual.max()) * 1e-3, float(np.finfo(np.float32).tiny))
    return sizes, np.maximum(usual, floor)


def _upper_quantile(scores: np.ndarray, level: float) -> float:
    rank = min(math.ceil((len(scores) + 1) * level), len(scores))
    return float(np.partition(scores, rank - 1)[rank - 1])
