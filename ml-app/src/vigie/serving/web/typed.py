"""What people type into a form, as the row that the API would take."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from vigie.models.document import Input
from vigie.serving.web.formats import plain_number

_SPACES = re.compile(r"(?<=[0-9])[ \u00a0\u2009\u202f](?=[0-9]{3}(?:[^0-9]|$))")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_ENGLISH_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?")
_LONGEST_NUMBER = 40
_MOST_EXACT = 2**53


def read_row(inputs: Sequence[Input], typed: Mapping[str, str], language: str) -> dict[str, Any]:
    """The row of a form. Empty fields are left out; what is no number stays the text it is."""
    row: dict[str, Any] = {}
    for item in inputs:
        text = typed.get(item.name, "").strip()
        if text:
            row[item.name] = _read(item, text, language)
    return row


def read_number(text: str, language: str) -> int | float | str:
    """The number that `text` spells, with a decimal point or comma; otherwise `text` itself."""
    if len(text) > _LONGEST_NUMBER:
        return text
    plain = _SPACES.sub("", text.strip()).replace("\N{MINUS SIGN}", "-")
    if language == "en" and _ENGLISH_THOUSANDS.fullmatch(plain):
        plain = plain.replace(",", "")
    elif plain.count(",") == 1 and "." not in plain:
        plain = plain.replace(",", ".")
    if not _NUMBER.fullmatch(plain):
        return text
    if _WHOLE.fullmatch(plain) and abs(int(plain)) <= _MOST_EXACT:
        return int(plain)
    value = float(plain)
    return value if math.isfinite(value) else text


def typed_value(item: Input, value: Any, language: str) -> str:
    """A value as a person would type it, for a form that is filled in beforehand."""
    if value is None:
        return ""
    if isinstance(value, list):
        separator = "; " if language == "fr" and item.dtype != "string" else ", "
        return separator.join(typed_value(item, leaf, language) for leaf in leaves(value))
    if item.choices is not None or isinstance(value, str):
        return str(value)
    return plain_number(value, language)


def leaves(value: Any) -> list[Any]:
    """The single values of nested lists, in order."""
    if not isinstance(value, list):
        return [value]
    return [leaf for part in value for leaf in leaves(part)]


def _read(item: Input, text: str, language: str) -> Any:
    if item.shape:
        return _read_list(item, text, language)
    if item.dtype == "string":
        return text
    if item.choices is not None:
        # "075" is a choice of its own where the choices are written so
        return int(text) if _WHOLE.fullmatch(text) and str(_short_int(text)) == text else text
    return read_number(text, language)


def _short_int(text: str) -> int | None:
    return int(text) if len(text) < 20 else None


def _read_list(item: Input, text: str, language: str) -> Any:
    size = math.prod(item.shape)
    if item.dtype == "string":
        parts: list[Any] = [text] if size == 1 else [p.strip() for p in text.split(",")]
    else:
        # with a semicolon between the values, a comma can only be a decimal one
        pieces = text.split(";") if ";" in text else re.split(r"[,\s]+", text)
        parts = [read_number(piece.strip(), language) for piece in pieces if piece.strip()]
    return _nest(parts, item.shape) if len(parts) == size else parts


def _nest(values: list[Any], shape: Sequence[int]) -> list[Any]:
    if len(shape) == 1:
        return values
    step = len(values) // shape[0]
    return [_nest(values[start : start + step], shape[1:]) for start in range(0, len(values), step)]
