"""The tensors of an answer: a model's outputs, and what is made of them for people and programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vigie.errors import InvalidInput
from vigie.models.text import text_in

if TYPE_CHECKING:
    from vigie.engines.predictor import Answers
    from vigie.models.document import PackageDocument
    from vigie.models.package import Package

TEXTS = "BYTES"
LABEL, INTERVAL = "label", "interval"
NOTE_TEXT, NOTE_LINK = "note_text", "note_link"
PHOTOS, LABELS, SIMILARITIES = "neighbours_photo", "neighbours_label", "neighbours_similarity"


@dataclass(frozen=True, slots=True)
class AnswerTensor:
    """An output that callers may ask for; `shape` is that of one row."""

    name: str
    datatype: str
    shape: tuple[int, ...]


def answer_tensors(package: Package) -> dict[str, AnswerTensor]:
    """The outputs that are shown, and what is made of them, by name.

    These are `label` and the text and link of its note, the parts of `neighbours`, `interval`. An
    output of such a name keeps it.
    """
    document, among = package.document, package.neighbours
    tensors = [
        AnswerTensor(output.name, "FP32" if output.decimals is None else "FP64", output.shape)
        for output in document.shown_outputs
    ]
    if document.task == "classification":
        tensors.append(AnswerTensor(LABEL, TEXTS, ()))
        if document.label_notes:
            tensors += [AnswerTensor(name, TEXTS, ()) for name in (NOTE_TEXT, NOTE_LINK)]
    if document.neighbours is not None and among is not None:
        shape = (min(document.neighbours.count, len(among)),)
        tensors.append(AnswerTensor(PHOTOS, TEXTS, shape))
        if document.labels:
            tensors.append(AnswerTensor(LABELS, TEXTS, shape))
        tensors.append(AnswerTensor(SIMILARITIES, "FP32", shape))
    if document.interval is not None:
        tensors.append(AnswerTensor(INTERVAL, "FP64", (2,)))
    found: dict[str, AnswerTensor] = {}
    for tensor in tensors:
        found.setdefault(tensor.name, tensor)
    return found


def goes_by_name(document: PackageDocument) -> bool:
    """True where an answer is more than the values of one output, so that its parts have names."""
    return len(document.shown_outputs) > 1 or document.neighbours is not None


def answer_values(document: PackageDocument, answers: Answers, name: str) -> np.ndarray:
    """The values of a tensor, [rows, …]; texts are objects."""
    found = answers.outputs.get(name)
    if found is not None:
        return found
    made = _MADE.get(name)
    values = made(document, answers) if made else None
    if values is None:
        raise InvalidInput(f"There is no output {name}.")
    return values


def _labels(document: PackageDocument, answers: Answers) -> np.ndarray:
    return np.array(answers.labels(document), object)


def _note_texts(document: PackageDocument, answers: Answers) -> np.ndarray:
    """In English: these answers have no place for more than one language."""
    notes = document.label_notes
    texts = {label: text_in(note.text, "en") for label, note in notes.items()}
    return np.array([texts.get(label, "") for label in answers.labels(document)], object)


def _note_links(document: PackageDocument, answers: Answers) -> np.ndarray:
    links = {label: note.link or "" for label, note in document.label_notes.items()}
    return np.array([links.get(label, "") for label in answers.labels(document)], object)


def _photos(document: PackageDocument, answers: Answers) -> np.ndarray | None:
    nearest = answers.nearest
    if nearest is None:
        return None
    names: np.ndarray = np.array(nearest.among.names, object)[nearest.places]
    return names


def _neighbour_labels(document: PackageDocument, answers: Answers) -> np.ndarray | None:
    nearest = answers.nearest
    if nearest is None:
        return None
    # the last one, which -1 takes, stands for no label
    known = np.array([*document.labels, ""], object)
    labels: np.ndarray = known[nearest.among.labels[nearest.places]]
    return labels


def _similarities(document: PackageDocument, answers: Answers) -> np.ndarray | None:
    return None if answers.nearest is None else answers.nearest.similarities


def _interval(document: PackageDocument, answers: Answers) -> np.ndarray | None:
    if answers.lower is None or answers.upper is None:
        return None
    return np.stack([answers.lower, answers.upper], axis=1)


_MADE: dict[str, Callable[[PackageDocument, Answers], np.ndarray | None]] = {
    LABEL: _labels,
    NOTE_TEXT: _note_texts,
    NOTE_LINK: _note_links,
    PHOTOS: _photos,
    LABELS: _neighbour_labels,
    SIMILARITIES: _similarities,
    INTERVAL: _interval,
}
