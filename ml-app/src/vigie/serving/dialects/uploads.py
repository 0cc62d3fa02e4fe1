"""Photos that are sent as files: the body itself, or the parts of a form."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from vigie.errors import FieldError, InvalidInput, MalformedRequest, TooLarge
from vigie.models.decoding import NO_SUCH_INPUT
from vigie.models.rows import number_in
from vigie.models.wording import describe
from vigie.serving.dialects.body import check_not_compressed

if TYPE_CHECKING:
    from vigie.models.model_input import Input
    from vigie.models.rows import Columns
    from vigie.serving.runtime.loaded_model import LoadedModel
    from vigie.serving.runtime.messages import Request

FORM = "multipart/form-data"
SPARE_PARTS = 32
"""Parts of a form beside its photos and one value of each other input for every photo."""
_PIECE = 64 * 1024
"""A form is read in pieces: the interpreter is held for each of them."""
_LONGEST_VALUE = 64 * 1024
_LONGEST_HEAD = 128 * 1024
"""Of a part, and of what stands before the first: nothing else is kept until it is whole."""
_FILE_TYPES = ("", "application/octet-stream", "application/x-www-form-urlencoded")
"""Beside `image/…`; curl sends files under the last one unless it is told otherwise."""


def uploaded(request: Request, live: LoadedModel, most: int) -> tuple[Columns, int] | None:
    """The columns of a request that is a photo or a form of photos, and its rows.

    `None` where the body says that it is something else, JSON for example.
    """
    media_type = request.header(b"content-type").split(";")[0].strip().lower()
    if media_type == FORM:
        check_not_compressed(request)
        return _by_form(request, live, most)
    is_file = media_type.startswith("image/") or (
        media_type in _FILE_TYPES and request.body[:64].lstrip()[:1] not in (b"{", b"[", b"")
    )
    if not is_file:
        return None
    check_not_compressed(request)
    return _by_body(request, live), 1


def _by_body(request: Request, live: LoadedModel) -> Columns:
    image = live.images[0]
    others = [i.name for i in live.inputs.values() if i.required and i is not image]
    if others:
        raise InvalidInput(
            f"A photo alone is not enough: this model takes {', '.join(others)} as well. Send "
            f"{FORM}, with a part for each."
        )
    return {image.name: [_view(request.body)]}


def _by_form(request: Request, live: LoadedModel, most: int) -> tuple[Columns, int]:
    """A row per photo; of every other input as many values as photos, or one for all of them."""
    columns = _sorted_parts(request, live, most)
    rows = max((len(columns[item.name]) for item in live.images), default=0)
    if not 1 <= rows <= most:
        wrong = FieldError(0, "", f"1 to {most} photos, each a part with a file", f"{rows} photos")
        raise InvalidInput("The number of photos is wrong.", (wrong,))
    filled: Columns = {}
    for name, values in columns.items():
        if len(values) == 1 and not live.inputs[name].is_image:
            filled[name] = values * rows
        elif values:
            filled[name] = values
    return filled, rows


def _sorted_parts(request: Request, live: LoadedModel, most: int) -> Columns:
    columns: Columns = {name: [] for name in live.inputs}
    only = live.images[0] if len(live.images) == 1 else None
    parts = most * len(live.inputs) + SPARE_PARTS
    for name, is_file, value in _parts(request, parts):
        item = live.inputs.get(name)
        if is_file and only is not None and (item is None or not item.is_image):
            # under whatever name: there is one input that it can be for
            item = only
        if item is None:
            wrong = FieldError(0, _shown(name), NO_SUCH_INPUT, "a part of the form")
            raise InvalidInput("A part of the form is for no input of the model.", (wrong,))
        if item.is_image:
            columns[item.name].append(_view(value))
        else:
            columns[item.name].append(_value(value, item, len(columns[item.name])))
    return columns


def _parts(request: Request, most: int) -> list[tuple[str, bool, bytearray]]:
    """Name, whether it is a file, and content of each part; an empty place for a file is none."""
    parts: list[tuple[str, bool, bytearray]] = []
    try:
        for part, content in _read(request, most):
            if isinstance(part, File) and not content and not part.filename:
                continue
            parts.append((part.name or "", isinstance(part, File), content))
    except RequestEntityTooLarge:
        raise TooLarge(
            f"The form has more than {most} parts, or a part with headers of more than "
            f"{_LONGEST_HEAD // 1024} KiB."
        ) from None
    except (ValueError, LookupError, AttributeError):
        raise MalformedRequest(f"The body is no {FORM} as it is written down.") from None
    return parts


def _read(request: Request, most: int) -> list[tuple[Field | File, bytearray]]:
    _, options = parse_options_header(request.header(b"content-type"))
    boundary = options["boundary"].encode("latin-1")
    decoder = MultipartDecoder(boundary, _LONGEST_HEAD, max_parts=most)
    body = memoryview(request.body)
    read: list[tuple[Field | File, bytearray]] = []
    start = 0
    while True:
        event = decoder.next_event()
        if isinstance(event, NeedData):
            decoder.receive_data(bytes(body[start : start + _PIECE]) if start < len(body) else None)
            start += _PIECE
        elif isinstance(event, Field | File):
            # headers are many times as large in memory
            read.append((replace(event, headers=Headers()), bytearray()))
        elif isinstance(event, Data):
            read[-1][1].extend(event.data)
        elif isinstance(event, Epilogue):
            return read


def _value(content: bytearray, item: Input, row: int) -> Any:
    """What a field of the form says, as JSON would have it; nothing where it is empty."""
    try:
        if len(content) > _LONGEST_VALUE:
            raise ValueError
        text = content.decode()
        if not text:
            return None
        if item.shape:
            return orjson.loads(text)
    except ValueError:
        wrong = FieldError(row, item.name, describe(item), "something else")
        raise InvalidInput(f"These fields are wrong: {item.name}.", (wrong,)) from None
    return text if item.dtype == "string" else number_in(text)


def _view(body: bytes | bytearray) -> bytes | memoryview:
    return body if isinstance(body, bytes) else memoryview(body)


def _shown(name: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in name[:64])
