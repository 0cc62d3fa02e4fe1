"""Bodies with more values than can be right: of these only the number of rows is made out."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from vigie.errors import InvalidInput, MalformedRequest
from vigie.serving.dialects.body import malformed
from vigie.serving.dialects.counting import SMALL_BODY, holds_more, rows_in

if TYPE_CHECKING:
    from vigie.serving.runtime.loaded_model import LoadedModel

_NOTHING = msgspec.Raw()
_TABLE = "dataframe_split"
_LONGEST_END = 16
"""Characters of a beginning that may be wrong for no other reason than that it ends there."""


class _Table(msgspec.Struct):
    data: msgspec.Raw = _NOTHING


class _Outline(msgspec.Struct):
    instances: msgspec.Raw = _NOTHING
    features: msgspec.Raw = _NOTHING
    inputs: msgspec.Raw = _NOTHING
    dataframe_records: msgspec.Raw = _NOTHING
    dataframe_split: msgspec.Raw = _NOTHING


def outline_of(
    body: bytes | bytearray, live: LoadedModel, most: int, members: tuple[str, ...] = ()
) -> Any:
    """What stands for a body that holds more than `most` rows can; `None` for all others.

    It is the list of rows, or an object with those of these members that are lists: each row is
    `None`, and there are too many of them. Where that cannot be said, `InvalidInput`.
    """
    if len(body) <= SMALL_BODY or not holds_more(body, live.inputs.values(), most):
        return None
    try:
        outline = _outline_of(body, members)
    except (ValueError, RecursionError):
        raise _malformed(body) from None
    lists = outline.values() if type(outline) is dict else [outline]
    if any(_rows_of(one) > most for one in lists):
        return outline
    raise InvalidInput(f"The body holds more values than {most} rows of this model have.")


def _malformed(body: bytes | bytearray) -> MalformedRequest:
    """Says where JSON breaks, where that is in its beginning: all of it is never parsed."""
    try:
        orjson.loads(body[:SMALL_BODY])
    except orjson.JSONDecodeError as broken:
        if broken.pos < len(broken.doc) - _LONGEST_END:
            return malformed(body, broken)
    return MalformedRequest("The body is not JSON.")


def _outline_of(body: bytes | bytearray, members: tuple[str, ...]) -> Any:
    """The rows as `None`, below their members; `ValueError` for what is no JSON."""
    whole = msgspec.json.decode(body, type=msgspec.Raw)
    if _is_list(whole):
        return _rows(whole)
    found = msgspec.json.decode(body, type=_Outline)
    outline: dict[str, Any] = {}
    for name in members:
        part: msgspec.Raw = getattr(found, name)
        if name == _TABLE:
            with contextlib.suppress(ValueError):
                data = msgspec.json.decode(part, type=_Table).data
                outline[name] = {"data": _rows(data)}
        elif _is_list(part):
            outline[name] = _rows(part)
    return outline


def _rows_of(member: Any) -> int:
    return len(member["data"] if type(member) is dict else member)


def _is_list(part: msgspec.Raw) -> bool:
    return bytes(memoryview(part)[:1]) == b"["


def _rows(part: msgspec.Raw) -> list[None]:
    return [None] * rows_in(bytes(part)) if _is_list(part) else []
