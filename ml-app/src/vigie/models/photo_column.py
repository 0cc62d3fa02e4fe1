"""The photos of all rows at once: files, base64 or pixels become pixels and figures."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.models.photo import BrokenPhoto, photo_of, read_photo
from vigie.models.rows import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vigie.models.model_input import Input
    from vigie.models.photo import Photo
    from vigie.models.rows import Decoded

_SLICE = 4 * 2**16
"""Base64 is read in slices: the interpreter is held for each of them."""
_ALPHABET = str.maketrans("-_", "+/", " \t\r\n")
"""Of the URL-safe kind, and in lines, as mail has it."""


def take_photos(item: Input, values: list[Any], decoded: Decoded) -> None:
    """Adds the pixels and figures of one value per row; `Refused` says what another one is.

    A value is the bytes of a file, `{"b64": …}` of them, or pixels, uint8 [height, width, 3], as
    packages keep them. It takes milliseconds a photo: no event loop should wait for it.
    """
    photos = [_photo(item, value) for value in values]
    decoded.columns[item.name] = [photo.pixels for photo in photos]
    decoded.figures[item.name] = [photo.figures for photo in photos]


def _photo(item: Input, value: Any) -> Photo:
    if isinstance(value, np.ndarray):
        if value.dtype != np.uint8 or value.ndim != 3 or value.shape[2] != 3 or not value.size:
            raise Refused("an array that is no uint8 [height, width, 3]")
        return photo_of(value, item)
    if type(value) is dict and value.keys() == {"b64"} and type(value["b64"]) is str:
        value = _from_base64(value["b64"])
    if not isinstance(value, bytes | memoryview):
        raise Refused
    try:
        return read_photo(value, item)
    except BrokenPhoto as broken:
        raise Refused(str(broken)) from None


def _from_base64(text: str) -> memoryview:
    # browsers' FileReader gives data URLs
    if text.startswith("data:"):
        text = text[text.find(",") + 1 :]
    if not text.isascii():
        raise Refused("text that is no base64")
    try:
        try:
            return _bytes_of(text, {})
        except binascii.Error:
            return _bytes_of(text, _ALPHABET)
    except binascii.Error:
        raise Refused("text that is no base64") from None


def _bytes_of(text: str, alphabet: dict[int, int | None]) -> memoryview:
    """The bytes of base64, with or without its padding, after what `alphabet` says of it."""
    # of its size from the start: what grows is copied now and then
    content = np.empty(len(text) // 4 * 3 + 3, np.uint8).data
    size = 0
    rest = ""
    for part in _slices(text):
        rest += part.translate(alphabet) if alphabet else part
        whole = len(rest) // 4 * 4
        size = _put(content, size, rest[:whole])
        rest = rest[whole:]
    size = _put(content, size, rest + "=" * (-len(rest) % 4))
    return content[:size]


def _put(content: memoryview, size: int, text: str) -> int:
    """Puts the bytes of base64 behind the first `size`; how many there are then."""
    part = binascii.a2b_base64(text, strict_mode=True)
    content[size : size + len(part)] = part
    return size + len(part)


def _slices(text: str) -> Iterator[str]:
    return (text[start : start + _SLICE] for start in range(0, len(text), _SLICE))
