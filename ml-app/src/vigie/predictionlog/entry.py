"""An answered request on its way to the log, and the rows that it becomes there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import orjson

from vigie.models.photo_figures import FIGURES

if TYPE_CHECKING:
    from vigie.engines.predictor import Answers
    from vigie.models.document import PackageDocument
    from vigie.models.model_input import Input
    from vigie.models.rows import Decoded

TruthKind = Literal["number", "label", "none"]
Row = dict[str, Any]

_FIGURE_DECIMALS = 6
TRUTH_LABEL = r"^[^\u0000-\u001f\u007f]{1,200}$"
"""A label as a truth: databases take no control characters. For Python and for JSON Schema."""


@dataclass(slots=True)
class Entry:
    """One answered request. Nothing in it is changed by anybody any more.

    It is not declared frozen only because such an object takes twice as long to make.
    """

    answered_us: int
    request_id: str
    document: PackageDocument
    version: str
    decoded: Decoded
    answers: Answers

    @property
    def served_version(self) -> Row:
        """The row of `served_versions` that goes with it."""
        return {
            "model": self.document.name,
            "version": self.version,
            "kind": truth_kind(self.document),
            "labels": orjson.dumps(self.document.labels).decode(),
        }

    def rows(self, with_inputs: bool) -> list[Row]:
        """Its rows of `predictions`."""
        document, count = self.document, self.decoded.rows
        outputs = {name: self.answers.outputs[name].tolist() for name in document.kept_outputs}
        inputs = [_values(item, self.decoded) for item in document.inputs] if with_inputs else []
        names = [item.name for item in document.inputs]
        kind = truth_kind(document)
        nothing = [None] * count
        numbers = outputs[document.outputs[0].name] if kind == "number" else nothing
        labels = self.answers.labels(document) if kind == "label" else nothing
        lower, upper = _numbers(self.answers.lower, count), _numbers(self.answers.upper, count)
        return [
            {
                "request_id": self.request_id,
                "row": row,
                "answered_us": self.answered_us,
                "model": document.name,
                "version": self.version,
                "inputs": _json(dict(zip(names, (v[row] for v in inputs), strict=True)))
                if with_inputs
                else None,
                "outputs": _json({name: values[row] for name, values in outputs.items()}),
                "value": numbers[row],
                "label": labels[row],
                "lower": lower[row],
                "upper": upper[row],
            }
            for row in range(count)
        ]


def truth_kind(document: PackageDocument) -> TruthKind:
    """What a truth about this model is: a number, one of its labels, or nothing that is known."""
    if document.task == "classification":
        return "label"
    if document.task == "regression" and not document.outputs[0].shape:
        return "number"
    return "none"


def _values(item: Input, decoded: Decoded) -> list[Any]:
    """An input's value per row as callers send it; `None` where an indicator says it is missing.

    Of a photo it is what can be told in numbers: its pixels are nobody's to keep.
    """
    if item.is_image:
        return [_named_figures(figures) for figures in decoded.figures[item.name]]
    values = _plain(decoded.columns[item.name], item.integral)
    if item.shape:
        size = len(values) // decoded.rows
        return [values[start : start + size] for start in range(0, len(values), size)]
    if item.integral and item.tensor == "string":
        values = [int(value) if value.lstrip("-").isdecimal() else None for value in values]
    if item.missing and item.missing.indicator:
        absent = decoded.columns[item.missing.indicator]
        return [None if gone else v for v, gone in zip(values, absent, strict=True)]
    return values


def _plain(values: list[Any] | np.ndarray, integral: bool) -> list[Any]:
    """Values of a column as JSON has them."""
    if isinstance(values, np.ndarray):
        plain: list[Any] = (values.astype(np.int64) if integral else values).tolist()
        return plain
    return values


def _named_figures(figures: tuple[float, ...]) -> dict[str, float]:
    return {
        name: round(value, _FIGURE_DECIMALS) for name, value in zip(FIGURES, figures, strict=True)
    }


def _numbers(values: np.ndarray | None, count: int) -> list[float | None]:
    return [None] * count if values is None else values.tolist()


def _json(content: object) -> str:
    return orjson.dumps(content).decode()
