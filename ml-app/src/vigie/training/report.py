"""Which pictures and tables a run shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from vigie.models.document import text_in
from vigie.training.dataset import Dataset
from vigie.training.fit import Fitted
from vigie.training.plan import Plan
from vigie.training.plots import (
    plot_confusion,
    plot_error_by_slice,
    plot_learning_curve,
    plot_predicted_against_actual,
    plot_residuals,
)


def write_plots(
    folder: Path,
    plan: Plan,
    fitted: Fitted,
    held_out: Dataset,
    predicted: np.ndarray,
    slices: Sequence[Mapping[str, Any]],
) -> None:
    """Writes `plots/*.png` and `error_by_slice.json` below `folder`."""
    plots = folder / "plots"
    plots.mkdir()
    unit = f" ({plan.target.unit})" if plan.target.unit else ""
    label = text_in(plan.target.label, "en").lower() + unit
    plot_learning_curve(fitted.history, plots / "learning_curve.png")
    if plan.task == "classification":
        labels = sorted({str(value) for value in held_out.target})
        plot_confusion(predicted, held_out.target, labels, plots / "confusion_matrix.png")
    else:
        actual = held_out.target.astype(float)
        plot_predicted_against_actual(
            predicted, actual, label, plots / "predicted_against_actual.png"
        )
        plot_residuals(predicted, actual, label, plots / "residuals.png")
    if slices:
        plot_error_by_slice(slices, unit, plots / "error_by_slice.png")
        (folder / "error_by_slice.json").write_bytes(
            orjson.dumps(list(slices), option=orjson.OPT_INDENT_2)
        )
