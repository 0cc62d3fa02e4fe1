"""The corpus: its parts, each a list of requests to one service, in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from recorded.corpus import (
    feedback,
    few,
    native,
    pages,
    routes,
    tables,
    tfserving,
    v2,
    watched,
    wire,
)
from recorded.request import Request

SPOIL_KEYS = "the file of keys is removed"


@dataclass(frozen=True)
class Part:
    """Requests to one service; `first` is done to it before them."""

    name: str
    service: str
    requests: tuple[Request, ...]
    first: str = ""


def _part(
    name: str, service: str, *lists: Callable[[], Sequence[Request]], first: str = ""
) -> Part:
    return Part(name, service, tuple(one for made in lists for one in made()), first)


EVERY = "every model"
PARTS = (
    _part("methods", EVERY, routes.methods),
    _part(
        "paths", EVERY,
        routes.error_pages, routes.slashes, routes.strange_paths, routes.accepted,
        routes.static_files,
    ),
    _part("native", EVERY, native.answered, native.wrong_bodies, native.media_types),
    _part("headers", EVERY, native.headers),
    _part("tensorflow serving", EVERY, tfserving.by_row_and_column, tfserving.described),
    _part("v2", EVERY, v2.in_json, v2.in_binary),
    _part("invocations", EVERY, tables.in_json, tables.in_csv),
    _part("pages", EVERY, pages.shown),
    _part("forms", EVERY, pages.results, pages.put_right, pages.other_posts),
    _part("feedback", EVERY, feedback.truths),
    _part("wire", EVERY, wire.framing, wire.no_http),
    _part("keys", "keys", few.keys),
    _part("keys gone", "keys", few.keys_gone, first=SPOIL_KEYS),
    _part("no model", "no model", few.no_model),
    _part("slow", "no model", wire.slow),
    _part("little room", "little room", few.little_room),
    _part("watched", "watched", watched.before, watched.traffic, watched.after),
)  # fmt: skip
