"""What training measured on held-out rows, as the errors that are measured live."""

from __future__ import annotations

from collections.abc import Callable, Mapping

TRAINING_ERRORS: dict[str, tuple[str, Callable[[float], float]]] = {
    "absolute": ("mae", lambda mean: mean),
    "squared": ("rmse", lambda root: root**2),
    "absolute_percentage": ("mape", lambda mean: mean),
    "wrong": ("accuracy", lambda share: 1 - share),
    "outside_interval": ("interval_coverage", lambda share: 1 - share),
}
"""Each kind of live error: the figure of training it compares with, and how that becomes one."""


def training_errors(metrics: Mapping[str, float]) -> dict[str, float]:
    """The mean error of each kind whose figure is among the metrics of a package."""
    return {
        kind: as_error(metrics[name])
        for kind, (name, as_error) in TRAINING_ERRORS.items()
        if name in metrics
    }
