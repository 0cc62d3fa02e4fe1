"""Where the small pictures of a package's reference photos are, for those who ask by HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vigie.engines.predictions import NEIGHBOURS

if TYPE_CHECKING:
    from vigie.engines.predictor import Answers
    from vigie.serving.runtime.loaded_model import LoadedModel


def thumbnail_address(live: LoadedModel, place: int) -> str:
    """The address of the small picture of a reference photo, on this service.

    It names the package too: so what it leads to never changes.
    """
    return f"/models/{live.name}/neighbours/{place}.jpg?digest={live.digest}"


def add_thumbnails(predictions: list[dict[str, Any]], live: LoadedModel, answers: Answers) -> None:
    """Gives each neighbour of an answer its `thumbnail`, where the package has such pictures."""
    described, nearest = live.document.neighbours, answers.nearest
    if described is None or nearest is None or not described.thumbnails:
        return
    if NEIGHBOURS in live.document.answer_names():
        # an output has the name, and numbers in it
        return
    for row, places in zip(predictions, nearest.places.tolist(), strict=True):
        for neighbour, place in zip(row[NEIGHBOURS], places, strict=True):
            neighbour["thumbnail"] = thumbnail_address(live, place)
