"""How far a version's traffic has moved from its training, and how wrong it turned out to be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from vigie.models.document import PackageDocument, text_in
from vigie.monitoring.drift import LARGE, LEAST_ROWS, MODERATE, PREDICTION, Drift
from vigie.monitoring.samples import Samples
from vigie.predictionlog.metrics import ERROR_KINDS
from vigie.serving.web.formats import NOTHING, number, percent, quantity
from vigie.serving.web.texts import translator

PSI_SHOWN = 0.5
"""The index at which a bar is full."""
PSI_MARKS = tuple((limit, 100 * limit / PSI_SHOWN) for limit in (MODERATE, LARGE))
"""The limits of the verdicts, and where they lie on the bar in percent."""
LEAST_TRUTHS = 100
ERROR_LIMIT = 1.5
"""Live error over that of training. Both limits are those of the alert `LiveErrorHigh`."""
_JUDGED = ("absolute", "wrong")
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


def bars_of(document: PackageDocument, drifts: Sequence[Drift], language: str) -> list[DriftBar]:
    """A bar for the prediction, then one for each input, the largest index first."""
    t = translator(language)
    labels = {item.name: text_in(item.label, language) for item in document.inputs}
    labels[PREDICTION] = t("prediction")
    bars = []
    for drift in sorted(drifts, key=lambda drift: (drift.feature != PREDICTION, -drift.psi)):
        label = labels.get(drift.feature, drift.feature)
        if drift.rows < LEAST_ROWS:
            verdict = t("too few rows", rows=drift.rows, least=LEAST_ROWS)
            bars.append(DriftBar(label, NOTHING, 0.0, verdict, "few"))
        else:
            width = round(100 * min(drift.psi / PSI_SHOWN, 1.0), 1)
            psi = number(drift.psi, language, 2)
            bars.append(DriftBar(label, psi, width, t(drift.verdict), drift.verdict))
    return bars


def truths_of(document: PackageDocument, samples: Samples, version: str, language: str) -> Truths:
    """The errors that the truths so far show, beside those of training."""
    t = translator(language)
    labels = {"model": document.name, "version": version}
    count = int(samples.total("vigie_feedback_joined_total", **labels))
    if not count:
        return Truths(t("truths_none"), [])
    rows, times = [], None
    for kind in _KINDS:
        errors = samples.total("vigie_feedback_error_count", kind=kind, **labels)
        if not errors:
            continue
        live = samples.total("vigie_feedback_error_sum", kind=kind, **labels) / errors
        known = samples.named("vigie_model_training_error", kind=kind, **labels)
        training = _error(document, kind, known[0].value, language) if known else NOTHING
        rows.append(ErrorRow(t(f"error_{kind}"), _error(document, kind, live, language), training))
        if kind in _JUDGED and known and known[0].value > 0 and count >= LEAST_TRUTHS:
            times = live / known[0].value
    note = "truths_few" if count < LEAST_TRUTHS else "truths_count"
    return Truths(t(note, count=number(count, language), least=LEAST_TRUTHS), rows, times)


def _error(document: PackageDocument, kind: str, error: float, language: str) -> str:
    if kind in ("absolute", "squared"):
        output = document.outputs[0]
        value = math.sqrt(error) if kind == "squared" else error
        return quantity(value, output.unit, language, output.decimals)
    return percent(error, language, 1)
