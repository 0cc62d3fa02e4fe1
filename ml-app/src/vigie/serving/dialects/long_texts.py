"""JSON with texts of megabytes, as photos in base64 are, read without holding up other threads.

A parser holds the interpreter for as long as it works, 20 ms for a photo of 12 MB. Here very long
texts are found by their quotes, and the parser gets the rest.
"""

from __future__ import annotations

import os
from typing import Any

import orjson

LONG_TEXT = 64 * 1024
_MOST_TEXTS = 4096
"""Texts that are looked at: what holds photos has few of them."""
_MOST_SPACE = 256
_PIECE = 2**19
_LOOKED_AT = 2**23
"""Of a text is made, and looked at, in one go: the interpreter is held for it."""
_NOT_PLAIN = (b"\\", b"\n", b"\r", b"\t")


def parse_long_texts(body: bytes | bytearray) -> Any:
    """What `orjson.loads` gives for the body; it raises the same."""
    places = _places(body)
    if not places:
        return orjson.loads(body)
    try:
        texts = [_text(memoryview(body)[start:end]) for start, end in places]
        token = os.urandom(16).hex()
        document = orjson.loads(_without(body, places, token))
    except (orjson.JSONDecodeError, UnicodeDecodeError):
        # whatever is wrong is told of the body as it came
        return orjson.loads(body)
    return _with({f"{token}{place}": text for place, text in enumerate(texts)}, document)


def _text(content: memoryview) -> str:
    text = ""
    for start in range(0, len(content), _PIECE):
        # in place: nobody else has the text yet
        text += str(content[start : start + _PIECE], "ascii")
    return text


def _places(body: bytes | bytearray) -> list[tuple[int, int]]:
    """Where long texts without escapes stand, their quotes left out.

    What comes behind a text that ends in an escaped quote is left to the parser.
    """
    places: list[tuple[int, int]] = []
    start = 0
    for _ in range(_MOST_TEXTS):
        opening = body.find(b'"', start)
        closing = body.find(b'"', opening + 1) if opening >= 0 else -1
        if closing < 0 or body[closing - 1] == ord("\\"):
            break
        begin, start = opening + 1, closing + 1
        if closing - begin >= LONG_TEXT and _is_plain_value(body, begin, closing):
            places.append((begin, closing))
    return places


def _is_plain_value(body: bytes | bytearray, begin: int, end: int) -> bool:
    """True for a text that is what it spells, and no name of a member."""
    behind = body[end + 1 : end + 1 + _MOST_SPACE].lstrip()[:1]
    return behind in (b",", b"}", b"]") and all(
        body.find(other, start, min(start + _LOOKED_AT, end)) < 0
        for start in range(begin, end, _LOOKED_AT)
        for other in _NOT_PLAIN
    )


def _without(body: bytes | bytearray, places: list[tuple[int, int]], token: str) -> bytes:
    parts: list[bytes | bytearray] = []
    start = 0
    for place, (begin, end) in enumerate(places):
        parts += [body[start:begin], f"{token}{place}".encode()]
        start = end
    return b"".join([*parts, body[start:]])


def _with(texts: dict[str, str], document: Any) -> Any:
    """The document with each text in its place."""
    whole = [document]
    left: list[Any] = [whole]
    while left:
        part = left.pop()
        for key, value in list(part.items() if type(part) is dict else enumerate(part)):
            if type(value) is str:
                part[key] = texts.get(value, value)
            elif type(value) in (dict, list):
                left.append(value)
    return whole[0]
