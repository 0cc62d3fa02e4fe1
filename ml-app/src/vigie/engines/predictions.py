"""What a model answered, row by row and by name: as the service writes it, with or without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vigie.models.wording import describe_outside

if TYPE_CHECKING:
    from vigie.engines.predictor import Answers
    from vigie.models.document import PackageDocument

NEIGHBOURS = "neighbours"


def predictions_of(
    document: PackageDocument, answers: Answers, outside: Mapping[str, Sequence[int]]
) -> list[dict[str, Any]]:
    """The answer to each row, by the names of its parts.

    That of a classification has label, score and scores first, then what else it shows. The
    neighbours stand behind, where there are some.

    `outside` holds, per input, the rows whose value was not seen in training: they get a warning.
    """
    if document.task == "classification":
        rows = _labelled(document, answers)
        if len(document.outputs) > 1:
            _add_outputs(rows, document, answers)
    elif len(document.outputs) == 1:
        name = document.outputs[0].name
        rows = [{name: value} for value in answers.outputs[name].tolist()]
    else:
        names = [output.name for output in document.shown_outputs]
        values = [answers.outputs[name].tolist() for name in names]
        rows = [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]
    if answers.nearest is not None:
        for row, found in zip(rows, answers.nearest.told(document.labels), strict=True):
            row.setdefault(NEIGHBOURS, found)
    if answers.lower is None or answers.upper is None:
        for row in rows:
            row["warnings"] = []
    else:
        ends = zip(rows, answers.lower.tolist(), answers.upper.tolist(), strict=True)
        for row, low, high in ends:
            row["interval"] = [low, high]
            row["warnings"] = []
    if outside:
        _warn(rows, document, outside)
    return rows


def _labelled(document: PackageDocument, answers: Answers) -> list[dict[str, Any]]:
    scores = answers.outputs[document.outputs[0].name].tolist()
    return [
        {
            "label": label,
            "score": max(row),
            "scores": dict(zip(document.labels, row, strict=True)),
        }
        for label, row in zip(answers.labels(document), scores, strict=True)
    ]


def _add_outputs(rows: list[dict[str, Any]], document: PackageDocument, answers: Answers) -> None:
    """Adds what a classification shows behind its scores, by name."""
    for output in document.shown_outputs[1:]:
        for row, value in zip(rows, answers.outputs[output.name].tolist(), strict=True):
            # an output that is called as a part of every answer does not take its place
            row.setdefault(output.name, value)


def _warn(
    rows: list[dict[str, Any]], document: PackageDocument, outside: Mapping[str, Sequence[int]]
) -> None:
    inputs = {item.name: item for item in document.inputs}
    for name, places in outside.items():
        warning = describe_outside(inputs[name])
        for place in places:
            rows[place]["warnings"].append(warning)
