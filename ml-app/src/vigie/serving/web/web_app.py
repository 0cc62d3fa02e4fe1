"""The page of a model that takes photos as an app of its own: what browsers install it by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from flask import Blueprint, Response, url_for

from vigie.errors import NotFound
from vigie.models.text import text_in
from vigie.serving.web.render import asked_language
from vigie.serving.worker_state import current_worker_state

if TYPE_CHECKING:
    from vigie.serving.runtime.loaded_model import LoadedModel
    from vigie.serving.web.language import Language

blueprint = Blueprint("web_app", __name__)

_THEME, _GROUND = "#0c3b4d", "#f4f6f8"
_ICONS = (
    ("favicon.svg", "any", "image/svg+xml", "any"),
    ("icons/app-192.png", "192x192", "image/png", "any"),
    ("icons/app-512.png", "512x512", "image/png", "any"),
    ("icons/maskable-512.png", "512x512", "image/png", "maskable"),
)
_LONGEST_SHORT_NAME = 12
"""More is cut off below the icon on most phones."""


@blueprint.get("/models/<model>/manifest.webmanifest")
def manifest(model: str) -> Response:
    """The web app manifest of a model's page, in the language that is asked for.

    404 for a model that takes no photos: its page is no app.
    """
    _, live = current_worker_state().pipeline.routes.serving(model)
    if not live.images:
        raise NotFound("Only the page of a model that takes photos is an app.")
    language = asked_language()
    response = Response(
        orjson.dumps(_manifest(live, language)), content_type="application/manifest+json"
    )
    response.headers["Content-Language"] = language.code
    response.headers["Vary"] = "Accept-Language"
    response.headers["Cache-Control"] = "no-cache"
    return response


def _manifest(live: LoadedModel, language: Language) -> dict[str, object]:
    page = url_for("pages.form", model=live.name)
    title = text_in(live.document.title, language.code)
    return {
        # the same app in every language, and each model one
        "id": page,
        "name": title,
        "short_name": title if len(title) <= _LONGEST_SHORT_NAME else live.name,
        "lang": language.code,
        "start_url": url_for("pages.form", model=live.name, lang=language.code),
        "scope": page,
        "display": "standalone",
        "theme_color": _THEME,
        "background_color": _GROUND,
        "icons": [
            {
                "src": url_for("static", filename=file),
                "sizes": sizes,
                "type": media_type,
                "purpose": purpose,
            }
            for file, sizes, media_type, purpose in _ICONS
        ],
    }
