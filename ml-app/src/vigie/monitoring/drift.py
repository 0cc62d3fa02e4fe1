"""How far live traffic has moved from the training data: the population stability index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from vigie.models.profile import smoothed
from vigie.monitoring.samples import query, scrape

if TYPE_CHECKING:
    from vigie.monitoring.samples import Sample

LEAST_ROWS = 500
"""With fewer rows the index says more of chance than of the data."""
MODERATE, LARGE = 0.1, 0.25
PREDICTION = "(prediction)"

DriftLevel = Literal["too few rows", "stable", "moved", "shifted"]


@dataclass(frozen=True, slots=True)
class Drift:
    """One input, or the prediction, of one version: rows counted, and their index."""

    model: str
    version: str
    feature: str
    rows: int
    psi: float

    @property
    def verdict(self) -> DriftLevel:
        """In the usual words: below 0.1 nothing to see, above 0.25 another population."""
        if self.rows < LEAST_ROWS:
            return "too few rows"
        if self.psi < MODERATE:
            return "stable"
        return "moved" if self.psi < LARGE else "shifted"


def psi(counts: np.ndarray, shares: np.ndarray) -> float:
    """The population stability index of counts [bins] against reference shares [bins].

    Sum of (P - Q) ln(P / Q), with half a row added to each bin of P as to each of Q (Siddiqi,
    "Credit Risk Scorecards", 2006, chapter 8; it is the symmetric Kullback-Leibler divergence).
    """
    seen = smoothed(counts)
    return float(((seen - shares) * np.log(seen / shares)).sum())


def current_drifts(prometheus: str | None, window: str, page: str) -> list[Drift]:
    """The drift of the last `window` where there is a Prometheus, else that of a metrics page.

    A page counts since its service started. Raises `MetricsError` where nothing answers.
    """
    if prometheus:
        return drifts_in_prometheus(prometheus, window)
    return drifts_of(scrape(page))


def drifts_in_prometheus(url: str, window: str) -> list[Drift]:
    """The drift of the last `window`, such as 1h, over all replicas. Raises `MetricsError`."""
    samples = []
    for kind, labels in (
        ("feature", "model,version,feature,bin"),
        ("prediction", "model,version,bin"),
    ):
        counted, expected = f"vigie_{kind}_bin_total", f"vigie_{kind}_reference_ratio"
        grown = f"sum by ({labels}) (increase({counted}[{window}]))"
        samples += query(url, grown, counted)
        samples += query(url, f"max by ({labels}) ({expected})", expected)
    return drifts_of(samples)


def drifts_of(samples: Iterable[Sample]) -> list[Drift]:
    """The drift of every input and prediction whose bins are counted in these samples."""
    counted: dict[tuple[str, str, str], dict[str, float]] = {}
    expected: dict[tuple[str, str, str], dict[str, float]] = {}
    for sample in samples:
        into = {
            "vigie_feature_bin_total": counted,
            "vigie_prediction_bin_total": counted,
            "vigie_feature_reference_ratio": expected,
            "vigie_prediction_reference_ratio": expected,
        }.get(sample.name)
        if into is not None:
            labels = sample.labels
            key = (labels["model"], labels["version"], labels.get("feature", PREDICTION))
            into.setdefault(key, {})[labels["bin"]] = sample.value
    return [_drift(key, counted[key], shares) for key, shares in expected.items() if key in counted]


def _drift(
    key: tuple[str, str, str], counted: Mapping[str, float], expected: Mapping[str, float]
) -> Drift:
    counts = np.array([counted.get(name, 0.0) for name in expected])
    return Drift(*key, int(counts.sum()), psi(counts, np.array([*expected.values()])))
