"""How far versions are off on held-out rows: a candidate, the live version, and a constant."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.errors import InvalidInput, ModelFailure
from vigie.models.package import read_held_out

if TYPE_CHECKING:
    from vigie.engines.predictor import Answers, Predictor
    from vigie.models.document import PackageDocument
    from vigie.models.reference_rows import HeldOut

FEWEST_ROWS = 10
ROWS_AT_ONCE = 100
MOST_SECONDS = 20.0
"""A slow model is compared on as many rows as it answers in this time."""
CLEARLY = 2.0

Truth = tuple[dict[str, Any], float | str]


@dataclass(frozen=True, slots=True)
class Compared:
    """The mean errors of a candidate and of another on the same rows.

    The error of a row is the absolute one, or 1 for a wrong label. `clearly` says that the mean of
    the paired differences is more than two of its standard errors above 0.
    """

    rows: int
    candidate: float
    other: float
    clearly: bool


def compare_errors(candidate: np.ndarray, other: np.ndarray) -> Compared | None:
    """The comparison of two series of errors, [rows] each; `None` where the rows are too few."""
    rows = len(candidate)
    if rows < FEWEST_ROWS:
        return None
    differences = candidate - other
    standard_error = float(differences.std(ddof=1)) / rows**0.5
    clearly = float(differences.mean()) > CLEARLY * standard_error
    return Compared(rows, float(candidate.mean()), float(other.mean()), clearly)


def against_constant(candidate: Predictor) -> Compared | None:
    """The candidate beside one answer for every row: the median, or the most frequent label."""
    own = _truths(candidate)
    errors, answered = _errors_together([candidate], own)
    if not answered:
        return None
    truths = np.array([truth for _, truth in answered], object)
    if candidate.package.document.task == "classification":
        labels, counts = np.unique(truths.astype(str), return_counts=True)
        constant = (truths != labels[counts.argmax()]).astype(float)
    else:
        numbers = truths.astype(float)
        constant = np.abs(numbers - np.median(numbers))
    found = compare_errors(errors[0], constant)
    if found and found.clearly and _discriminates(candidate, answered):
        # where one class is rare, who finds it is wrong more often than who never looks
        return None
    return found


def discriminates(scores: np.ndarray, truths: np.ndarray, labels: Sequence[str]) -> bool:
    """True where scores [rows, labels] rank a label's rows above the others, and not by chance.

    By the mean over the labels of the area under the ROC curve, more than two standard errors above
    one half; the standard error is that of the Mann-Whitney statistic without an effect (Hanley and
    McNeil, "The Meaning and Use of the Area under a ROC Curve", Radiology 1982).
    """
    above, errors = [], []
    for place, label in enumerate(labels):
        own = truths == label
        inside, outside = int(own.sum()), int((~own).sum())
        if not inside or not outside:
            continue
        ranks = _ranks(scores[:, place])
        area = (ranks[own].sum() - inside * (inside + 1) / 2) / (inside * outside)
        above.append(area - 0.5)
        errors.append(((inside + outside + 1) / (12 * inside * outside)) ** 0.5)
    return bool(above) and float(np.mean(above)) > CLEARLY * float(np.mean(errors))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1; equal values share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: np.ndarray = (last - (counts - 1) / 2)[inverse]
    return ranks


def _discriminates(predictor: Predictor, answered: Sequence[Truth]) -> bool:
    document = predictor.package.document
    if document.task != "classification":
        return False
    output = document.outputs[0].name
    parts = _answers(predictor, [row for row, _ in answered])
    scores = np.concatenate([part.outputs[output] for part in parts])
    return discriminates(scores, np.array([t for _, t in answered], object), document.labels)


def against_live(candidate: Predictor, live: Predictor) -> Compared | None:
    """Both versions on the held-out rows of both."""
    if candidate.package.document.task != live.package.document.task:
        return None
    rows = [*_truths(candidate), *_truths(live)]
    errors, answered = _errors_together([candidate, live], rows)
    return compare_errors(errors[0], errors[1]) if answered else None


def answers_to(predictor: Predictor, rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """What a version answers, a number or a label per row; inputs it does not have are left out."""
    document = predictor.package.document
    known = {item.name for item in document.inputs}
    asked = [{k: v for k, v in row.items() if k in known} for row in rows]
    parts = [_first_output(document, answers) for answers in _answers(predictor, asked)]
    return np.concatenate(parts) if parts else np.zeros(0)


def _answers(predictor: Predictor, rows: Sequence[Mapping[str, Any]]) -> Iterator[Answers]:
    """The answers to rows in their order, no more of them decoded at once than the graph takes."""
    most = predictor.package.document.rows_at_once
    for start in range(0, len(rows), most):
        decoded = predictor.decoder.decode(rows[start : start + most])
        yield predictor.predict(decoded.columns, neighbours=False)


def _first_output(document: PackageDocument, answers: Answers) -> np.ndarray:
    if document.task == "classification":
        return np.array(answers.labels(document), object)
    values: np.ndarray = answers.outputs[document.outputs[0].name].astype(np.float64)
    return values


def _truths(predictor: Predictor) -> list[Truth]:
    held_out: HeldOut | None = read_held_out(predictor.package.root)
    if held_out is None or not _has_errors(predictor):
        return []
    return list(zip(held_out.rows, held_out.actual, strict=True))


def _has_errors(predictor: Predictor) -> bool:
    document = predictor.package.document
    return document.task == "classification" or (
        document.task == "regression" and not document.outputs[0].shape
    )


def _errors_together(
    predictors: Sequence[Predictor], truths: Sequence[Truth]
) -> tuple[list[np.ndarray], list[Truth]]:
    """The errors of each on the rows that all of them answer, while there is time; those rows."""
    errors: list[np.ndarray] = [np.zeros((len(predictors), 0))]
    answered: list[Truth] = []
    started = time.monotonic()
    # the time is looked at between parts: large networks take long for photos
    most = min(ROWS_AT_ONCE, *(one.package.document.rows_at_once for one in predictors))
    for start in range(0, len(truths), most):
        found, kept = _errors_of_part(predictors, truths[start : start + most])
        errors.append(found)
        answered.extend(kept)
        if time.monotonic() - started > MOST_SECONDS:
            break
    return list(np.concatenate(errors, axis=1)), answered


def _errors_of_part(
    predictors: Sequence[Predictor], part: Sequence[Truth]
) -> tuple[np.ndarray, Sequence[Truth]]:
    """Errors [versions, rows]; where a version refuses some rows, each row is asked alone."""
    try:
        return np.stack([_errors(predictor, part) for predictor in predictors]), part
    except (InvalidInput, ModelFailure):
        if len(part) == 1:
            return np.zeros((len(predictors), 0)), []
    alone = [_errors_of_part(predictors, [truth]) for truth in part]
    return np.concatenate([errors for errors, _ in alone], axis=1), [
        truth for _, kept in alone for truth in kept
    ]


def _errors(predictor: Predictor, truths: Sequence[Truth]) -> np.ndarray:
    """One error per row."""
    answered = answers_to(predictor, [row for row, _ in truths])
    if predictor.package.document.task == "classification":
        wrong: np.ndarray = answered != np.array([truth for _, truth in truths], object)
        return wrong.astype(float)
    distance: np.ndarray = np.abs(answered - np.array([truth for _, truth in truths], float))
    return distance
