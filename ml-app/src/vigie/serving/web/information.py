"""What a page tells of a label beside its score: a text, a link, and what the model knows alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vigie.engines.predictions import NEIGHBOURS
from vigie.models.text import text_in

if TYPE_CHECKING:
    from vigie.models.document import PackageDocument
    from vigie.serving.web.language import Language

_MOST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class NeighbourView:
    """A reference row: its label, how alike it is, its name, and the address of a picture of it.

    `source` is empty where the package has no picture, `label` where the row has none.
    """

    label: str
    similarity: str
    name: str
    source: str


@dataclass(frozen=True, slots=True)
class Information:
    """The words of a label and the most alike reference rows; empty where there are none."""

    label: str = ""
    text: str = ""
    link: str = ""
    title: str = ""
    neighbours: Sequence[NeighbourView] = ()


def information_of(
    document: PackageDocument, prediction: Mapping[str, Any], language: Language
) -> Information:
    """What there is to tell of one prediction of the API."""
    label = prediction["label"] if document.task == "classification" else ""
    note = document.label_notes.get(label)
    t = language.text
    return Information(
        label=_words(document, label, language),
        text=text_in(note.text, language.code) if note else "",
        link=(note.link or "") if note else "",
        title=t("The most alike photos") if document.images else t("The most alike rows"),
        neighbours=_neighbours(document, prediction, language),
    )


def _neighbours(
    document: PackageDocument, prediction: Mapping[str, Any], language: Language
) -> list[NeighbourView]:
    # an output may be called so
    if document.neighbours is None or NEIGHBOURS in document.answer_names():
        return []
    return [
        NeighbourView(
            label=_words(document, one["label"] or "", language),
            similarity=language.number(one["similarity"], 2),
            name=one["photo"],
            source=one.get("thumbnail", ""),
        )
        for one in prediction[NEIGHBOURS][:_MOST_SHOWN]
    ]


def _words(document: PackageDocument, label: str, language: Language) -> str:
    return text_in(document.label_texts.get(label, label), language.code)
