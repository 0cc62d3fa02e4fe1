"""Small pictures of the reference photos that answers name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from vigie.errors import NotFound
from vigie.models.neighbours import thumbnail_path
from vigie.serving.worker_state import current_worker_state

if TYPE_CHECKING:
    from vigie.serving.runtime.loaded_model import LoadedModel

blueprint = Blueprint("neighbours", __name__)

_FOR_GOOD = "private, max-age=31536000, immutable"
"""A package never changes: what its digest names may be kept for a year."""


@blueprint.get("/models/<model>/neighbours/<int:place>.jpg")
def thumbnail(model: str, place: int) -> Response:
    """The picture of one reference photo: of the version that serves, or of the `digest` asked for.

    404 where this version has none of it, or no version of the digest is in memory any more.
    """
    asked = request.args.get("digest")
    live = _version(model, asked)
    described, known = live.document.neighbours, live.predictor.package.neighbours
    if described is None or known is None or not described.thumbnails:
        raise NotFound("This model keeps no small pictures of reference photos.")
    if place >= len(known):
        raise NotFound(f"This model has {len(known)} reference photos, counted from 0.")
    try:
        picture = thumbnail_path(live.predictor.package.root, place).read_bytes()
    except OSError:
        raise NotFound("This picture is no longer here.") from None
    response = Response(picture, content_type="image/jpeg")
    response.set_etag(f"{live.digest}-{place}")
    response.headers["Cache-Control"] = _FOR_GOOD if asked else "private, no-cache"
    response.make_conditional(request)
    return response


def _version(model: str, digest: str | None) -> LoadedModel:
    """The version that serves, or the one in memory with this digest."""
    slot, live = current_worker_state().pipeline.routes.serving(model)
    if digest is None:
        return live
    others = [slot.challenger.live] if slot.challenger else []
    for found in (live, *others, *slot.ending()):
        if found.digest == digest:
            return found
    raise NotFound("No version with this digest is in memory here.")
