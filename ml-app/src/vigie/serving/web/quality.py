"""What a page says of a version: its data, how good it is, how far its inputs have moved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vigie.models.photo_figures import FIGURES
from vigie.models.text import text_in
from vigie.monitoring.drift import LARGE, LEAST_ROWS, MODERATE, PREDICTION
from vigie.predictionlog.metrics import ERROR_KINDS

if TYPE_CHECKING:
    from vigie.models.document import PackageDocument
    from vigie.models.model_input import Input
    from vigie.monitoring.drift import Drift
    from vigie.monitoring.samples import Samples
    from vigie.serving.runtime.loaded_model import LoadedModel
    from vigie.serving.web.language import Language

PSI_SHOWN = 0.5
"""The index at which a bar is full."""
PSI_MARKS = tuple((limit, 100 * limit / PSI_SHOWN) for limit in (MODERATE, LARGE))
"""The limits of the verdicts, and where they lie on the bar in percent."""
LEAST_TRUTHS = 100
ERROR_LIMIT = 1.5
"""Live error over that of training. Both limits are those of the alert `LiveErrorHigh`."""
_JUDGED = ("absolute", "wrong")
_MOST_METRICS = 6
_IN_UNIT = frozenset({"mae", "rmse"})
_SHARES = frozenset(
    {
        "mape", "median_ape", "accuracy", "interval_coverage", "interval_relative_width",
        "nearest_accuracy", "neighbours_precision", "explained_variance",
        "explained_variance_held_out",
    }
)  # fmt: skip
_KINDS = tuple(kind for kinds in ERROR_KINDS.values() for kind in kinds)


@dataclass(frozen=True, slots=True)
class DriftBar:
    """The index of one input, or of the prediction; `width` in percent of the scale."""

    label: str
    psi: str
    width: float
    verdict: str
    level: str


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """One kind of error, live and in training."""

    label: str
    live: str
    training: str


@dataclass(frozen=True, slots=True)
class Truths:
    """The errors of a version; `times` that of training where there are enough truths to say."""

    note: str
    rows: list[ErrorRow]
    times: float | None = None

    @property
    def is_high(self) -> bool:
        """True where the live error is clearly above that of training."""
        return self.times is not None and self.times > ERROR_LIMIT


def facts_of(live: LoadedModel, language: Language) -> list[tuple[str, str]]:
    """Names and texts about a served version, for a list of terms."""
    t = language.text
    document = live.document
    origin = document.provenance
    facts = [(t("Data"), text_in(origin.source, language.code))]
    if origin.rows is not None:
        facts.append((t("Rows"), language.number(origin.rows)))
    if origin.trained_at:
        facts.append((t("Trained"), language.date(origin.trained_at)))
    facts.append((t("Serving version"), live.version))
    return facts


def metrics_of(document: PackageDocument, language: Language) -> list[tuple[str, str]]:
    """The main quality figures, with names for people where they have one."""
    t = language.text
    names = {
        "mae": t("Mean absolute error"),
        "rmse": t("Root mean squared error"),
        "r2": t("R²"),
        "mape": t("Mean relative error"),
        "median_ape": t("Median relative error"),
        "accuracy": t("Right answers"),
        "macro_f1": t("F1, mean of the classes"),
        "interval_coverage": t("Truths inside the interval"),
        "interval_relative_width": t("Mean width of the interval"),
        "nearest_accuracy": t("Right label on the most alike"),
        "neighbours_precision": t("Right labels among the most alike"),
        "explained_variance": t("Variance kept in the vector, in training"),
        "explained_variance_held_out": t("Variance kept in the vector"),
    }
    return [
        (names.get(name, name.replace("_", " ")), _metric(document, name, value, language))
        for name, value in list(document.metrics.items())[:_MOST_METRICS]
    ]


def bars_of(
    document: PackageDocument, drifts: Sequence[Drift], language: Language
) -> list[DriftBar]:
    """A bar for the prediction, then one for each input, the largest index first."""
    t = language.text
    labels = {item.name: text_in(item.label, language.code) for item in document.inputs}
    labels[PREDICTION] = t("Prediction")
    for item in document.images:
        labels |= _photo_labels(item, len(document.images) > 1, language)
    verdicts = {"stable": t("stable"), "moved": t("moved"), "shifted": t("shifted")}
    bars = []
    for drift in sorted(drifts, key=lambda drift: (drift.feature != PREDICTION, -drift.psi)):
        label = labels.get(drift.feature, drift.feature)
        if drift.rows < LEAST_ROWS:
            verdict = t("too few rows ({rows} of {least})", rows=drift.rows, least=LEAST_ROWS)
            bars.append(DriftBar(label, language.nothing, 0.0, verdict, "few"))
        else:
            width = round(100 * min(drift.psi / PSI_SHOWN, 1.0), 1)
            psi = language.number(drift.psi, 2)
            bars.append(DriftBar(label, psi, width, verdicts[drift.verdict], drift.verdict))
    return bars


def _photo_labels(item: Input, several: bool, language: Language) -> dict[str, str]:
    """The figures of a photo by the names that drift has for them; `several`: with its label."""
    t = language.text
    names = {
        "megapixels": t("Size of the photo"),
        "aspect": t("Width to height of the photo"),
        "brightness": t("Brightness of the photo"),
        "contrast": t("Contrast of the photo"),
        "colourfulness": t("Colourfulness of the photo"),
        "sharpness": t("Sharpness of the photo"),
    }
    ending = f" ({text_in(item.label, language.code)})" if several else ""
    return {f"{item.name}.{figure}": names[figure] + ending for figure in FIGURES}


def truths_of(
    document: PackageDocument, samples: Samples, version: str, language: Language
) -> Truths:
    """The errors that the truths so far show, beside those of training."""
    t = language.text
    labels = {"model": document.name, "version": version}
    count = int(samples.total("vigie_feedback_joined_total", **labels))
    if not count:
        return Truths(t("No truth is known yet; callers send them to `POST /feedback`."), [])
    rows, times = [], None
    for kind in _KINDS:
        errors = samples.total("vigie_feedback_error_count", kind=kind, **labels)
        if not errors:
            continue
        live = samples.total("vigie_feedback_error_sum", kind=kind, **labels) / errors
        known = samples.named("vigie_model_training_error", kind=kind, **labels)
        training = _error(document, kind, known[0].value, language) if known else language.nothing
        rows.append(
            ErrorRow(_error_name(kind, language), _error(document, kind, live, language), training)
        )
        if kind in _JUDGED and known and known[0].value > 0 and count >= LEAST_TRUTHS:
            times = live / known[0].value
    shown = language.number(count)
    if count < LEAST_TRUTHS:
        note = t(
            "{count} truths: too few to judge by ({least} needed).", count=shown, least=LEAST_TRUTHS
        )
    else:
        note = t("{count} truths.", count=shown)
    return Truths(note, rows, times)


def _error_name(kind: str, language: Language) -> str:
    t = language.text
    names = {
        "absolute": t("Mean absolute error"),
        "squared": t("Root mean squared error"),
        "absolute_percentage": t("Mean relative error"),
        "wrong": t("Wrong answers"),
        "outside_interval": t("Outside the interval"),
    }
    return names[kind]


def _error(document: PackageDocument, kind: str, error: float, language: Language) -> str:
    if kind in ("absolute", "squared"):
        output = document.outputs[0]
        value = math.sqrt(error) if kind == "squared" else error
        return language.quantity(value, output.unit, output.decimals)
    return language.percent(error, 1)


def _metric(document: PackageDocument, name: str, value: float, language: Language) -> str:
    if name in _SHARES:
        return language.percent(value, 1)
    if name in _IN_UNIT and document.task == "regression":
        first = document.outputs[0]
        return language.quantity(value, first.unit, first.decimals)
    return language.number(value)
