"""What a model answered, row by row and by name: as the service writes it, with or without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vigie.models.wording import describe_outside

if TYPE_CHECKING:
    from vigie.engines.predictor import Answers
    from vigie.models.document import PackageDocument

NEIGHBOURS, NOTE = "neighbours", "note"


def predictions_of(
    document: PackageDocument, answers: Answers, outside: Mapping[str, Sequence[int]]
) -> list[dict[str, Any]]:
    """The answer to each row, by the names of its parts.

    That of a classification has label, score and scores first, then what else it shows. The
    neighbours stand behind, and the note of the label, where the package has some.

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
    if answers.nearest is not None or document.label_notes:
        _add_found(rows, document, answers)
    _bound(rows, answers)
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


def _add_found(rows: list[dict[str, Any]], document: PackageDocument, answers: Answers) -> None:
    """Adds what the package knows: the reference rows that are most alike, the label's note."""
    if answers.nearest is not None:
        for row, found in zip(rows, answers.nearest.told(document.labels), strict=True):
            row.setdefault(NEIGHBOURS, found)
    if document.label_notes and document.task == "classification":
        for row in rows:
            row.setdefault(NOTE, _note(document, row["label"]))


def _bound(rows: list[dict[str, Any]], answers: Answers) -> None:
    """Adds the interval, where there is one, and behind it room for warnings."""
    if answers.lower is None or answers.upper is None:
        for row in rows:
            row["warnings"] = []
        return
    low, high = answers.lower.tolist(), answers.upper.tolist()
    for place, row in enumerate(rows):
        row["interval"] = [low[place], high[place]]
        row["warnings"] = []


def _note(document: PackageDocument, label: str) -> dict[str, Any] | None:
    """`text` by language, and `link` or `None`; `None` for a label without a note."""
    note = document.label_notes.get(label)
    if note is None:
        return None
    texts = {"en": note.text} if isinstance(note.text, str) else note.text
    return {"text": texts, "link": note.link}


def _warn(
    rows: list[dict[str, Any]], document: PackageDocument, outside: Mapping[str, Sequence[int]]
) -> None:
    inputs = {item.name: item for item in document.inputs}
    for name, places in outside.items():
        warning = describe_outside(inputs[name])
        for place in places:
            rows[place]["warnings"].append(warning)
