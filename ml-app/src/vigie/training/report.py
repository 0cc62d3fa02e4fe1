"""What a run shows for people: pictures, and the error by slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import orjson

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from vigie.models.text import text_in

if TYPE_CHECKING:
    from vigie.training.dataset import Dataset
    from vigie.training.evaluation import Evaluation
    from vigie.training.plan import Plan

_MOST_LETTERS = 50
_INK, _ACCENT, _SOFT = "#1f2937", "#0f766e", "#94a3b8"


def write_plots(
    folder: Path,
    plan: Plan,
    history: Sequence[Mapping[str, float]],
    held_out: Dataset,
    evaluation: Evaluation,
) -> None:
    """Writes `plots/*.png` and `error_by_slice.json` below `folder`.

    `history` has the losses per epoch, nothing where no epoch was needed.
    """
    plots = folder / "plots"
    plots.mkdir()
    unit = f" ({plan.target.unit})" if plan.target.unit else ""
    label = text_in(plan.target.label, "en").lower() + unit
    predicted = evaluation.predicted
    if history:
        _plot_learning_curve(history, plots / "learning_curve.png")
    if plan.task == "classification":
        labels = sorted({str(value) for value in held_out.target})
        _plot_confusion(predicted, held_out.target, labels, plots / "confusion_matrix.png")
    else:
        actual = held_out.target.astype(float)
        _plot_predicted_against_actual(
            predicted, actual, label, plots / "predicted_against_actual.png"
        )
        _plot_residuals(predicted, actual, label, plots / "residuals.png")
    if evaluation.slices:
        _plot_error_by_slice(evaluation.slices, unit, plots / "error_by_slice.png")
        (folder / "error_by_slice.json").write_bytes(
            orjson.dumps(evaluation.slices, option=orjson.OPT_INDENT_2)
        )


def _plot_learning_curve(history: Sequence[Mapping[str, float]], path: Path) -> None:
    """Training and validation loss per epoch."""
    axes = _axes("Learning curve", "epoch", "loss")
    epochs = range(1, len(history) + 1)
    for key, colour in (("loss", _SOFT), ("val_loss", _ACCENT)):
        if key in history[0]:
            axes.plot(epochs, [entry[key] for entry in history], color=colour, label=key)
    axes.legend(frameon=False)
    _save(axes, path)


def plot_curve(
    path: Path, names: tuple[str, str, str], x: Sequence[float], y: Sequence[float]
) -> None:
    """Draws one line; `names` are the title and those of both axes."""
    axes = _axes(*names)
    axes.plot(x, y, color=_ACCENT, marker="o")
    _save(axes, path)


def plot_shares(path: Path, shares: np.ndarray) -> None:
    """Draws the share of the variance of each component, and of all up to it (a scree plot)."""
    axes = _axes("Explained variance", "component", "share of the variance")
    numbers = np.arange(1, len(shares) + 1)
    axes.bar(numbers, shares, color=_SOFT, label="each component")
    axes.plot(numbers, np.cumsum(shares), color=_ACCENT, label="all up to it")
    axes.set_ylim(0, 1)
    axes.legend(frameon=False, loc="center right")
    _save(axes, path)


def _plot_predicted_against_actual(
    predicted: np.ndarray, actual: np.ndarray, label: str, path: Path
) -> None:
    """Each held-out row as a point; on the line the prediction is right."""
    axes = _axes("Predicted against actual", f"actual {label}", f"predicted {label}")
    axes.scatter(actual, predicted, s=8, alpha=0.4, color=_ACCENT, linewidths=0)
    ends = [min(actual.min(), predicted.min()), max(actual.max(), predicted.max())]
    axes.plot(ends, ends, color=_INK, linewidth=1)
    if actual.min() > 0 and predicted.min() > 0:
        axes.set_xscale("log")
        axes.set_yscale("log")
    _save(axes, path)


def _plot_residuals(predicted: np.ndarray, actual: np.ndarray, label: str, path: Path) -> None:
    """A histogram of the errors, relative to the truth."""
    axes = _axes("Residuals", f"(predicted - actual) / actual, {label}", "rows")
    relative = np.clip((predicted - actual) / np.abs(actual), -1, 1)
    axes.hist(relative, bins=40, color=_ACCENT)
    axes.axvline(0, color=_INK, linewidth=1)
    _save(axes, path)


def _plot_confusion(
    predicted: np.ndarray, actual: np.ndarray, labels: Sequence[str], path: Path
) -> None:
    """Actual labels against predicted ones, in rows."""
    counts = np.array(
        [[np.sum((actual == a) & (predicted == p)) for p in labels] for a in labels], int
    )
    axes = _axes("Confusion matrix", "predicted", "actual")
    axes.imshow(counts, cmap="BuGn")
    # names side by side run into each other
    turned = 90 if sum(map(len, labels)) > _MOST_LETTERS else 0
    axes.set_xticks(range(len(labels)), labels, rotation=turned)
    axes.set_yticks(range(len(labels)), labels)
    middle = counts.max() / 2
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if count > middle else _INK
        axes.text(column, row, str(count), ha="center", va="center", color=colour)
    _save(axes, path)


def _plot_error_by_slice(table: Sequence[Mapping[str, Any]], label: str, path: Path) -> None:
    """The mean error of each slice, with its number of rows."""
    axes = _axes("Error by slice", f"mean error {label}", "")
    names = [f"{entry['input']}: {entry['slice']} ({entry['rows']})" for entry in table]
    axes.barh(names, [entry["error"] for entry in table], color=_ACCENT)
    axes.invert_yaxis()
    _save(axes, path, height=1.2 + 0.28 * len(names))


def _axes(title: str, x: str, y: str) -> Axes:
    axes: Axes
    _, axes = plt.subplots(figsize=(7, 5))
    axes.set_title(title, loc="left", color=_INK)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def _save(axes: Axes, path: Path, height: float | None = None) -> None:
    figure = axes.get_figure(root=True)
    assert figure is not None
    if height is not None:
        figure.set_size_inches(7, max(height, 2.5))
    figure.savefig(path, dpi=110, bbox_inches="tight")
    plt.close(figure)
