"""The form of a model: its fields, what people type into them, and what to put right there."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from vigie.errors import InvalidInput
from vigie.models.model_input import Input
from vigie.models.number_arrays import MOST_EXACT
from vigie.models.text import text_in

if TYPE_CHECKING:
    from vigie.errors import VigieError
    from vigie.models.model_input import Input
    from vigie.serving.web.language import Language

MOST_SUGGESTIONS = 500

_SPACES = re.compile(r"(?<=[0-9])[ \u00a0\u2009\u202f](?=[0-9]{3}(?:[^0-9]|$))")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?")
_LONGEST_NUMBER = 40

Kind = Literal["line", "area", "select", "suggest", "photo"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form."""

    name: str
    label: str
    kind: Kind
    value: str
    required: bool
    unit: str
    help: str
    hint: str
    error: str
    mode: str
    options: tuple[tuple[str, str], ...]
    blank: str

    @property
    def described_by(self) -> str:
        """The ids of the hint and the error, for `aria-describedby`."""
        parts = [
            ("hint", bool(self.help or self.hint)),
            ("error", bool(self.error)),
        ]
        return " ".join(f"{part}-{self.name}" for part, shown in parts if shown)


def fields_of(
    inputs: Sequence[Input],
    typed: Mapping[str, str] | None,
    wrong: Mapping[str, str],
    language: Language,
) -> list[Field]:
    """The fields of a form with what was typed, or with the example where nothing was yet."""
    t = language.text
    return [
        Field(
            name=item.name,
            label=text_in(item.label, language.code),
            kind=_kind(item),
            value=(
                typed.get(item.name, "")
                if typed is not None
                else typed_value(item, item.example, language)
            ),
            required=item.required,
            unit=language.unit_symbol(item.unit),
            help=text_in(item.help, language.code) if item.help else "",
            hint=_hint(item, language),
            error=wrong.get(item.name, ""),
            mode=_mode(item),
            options=_options(item, language),
            blank=t("Choose") if item.required else t("Not given"),
        )
        for item in inputs
    ]


def wrong_fields(
    inputs: Sequence[Input], error: VigieError | None, language: Language
) -> dict[str, str]:
    """By field, one sentence that says what to enter, where fields are what is wrong."""
    items = {item.name: item for item in inputs}
    named = [one.field for one in error.fields] if isinstance(error, InvalidInput) else []
    return {name: what_to_enter(items[name], language) for name in named if name in items}


def what_to_enter(item: Input, language: Language) -> str:
    """`Enter a whole number from 1 to 50.`"""
    t = language.text
    if item.is_image:
        return t("Choose a photo.")
    if item.shape:
        sentence = t("Enter {count} values, separated by commas", count=math.prod(item.shape))
    elif item.choices and item.choices.closed:
        sentence = t("Choose a value from the list")
    elif item.dtype == "string":
        sentence = t("Enter a text")
    else:
        sentence = t("Enter a whole number") if item.integral else t("Enter a number")
        sentence += _limits_within(item, language)
    return sentence + ("." if item.required else t(", or leave it empty") + ".")


def limits_phrase(item: Input, language: Language) -> str:
    """`From 1 to 50.`, empty where there is no limit."""
    t = language.text
    low, high = _shown_limits(item, language)
    if low and high:
        return t("From {low} to {high}.", low=low, high=high)
    if low:
        return t("At least {low}.", low=low)
    return t("At most {high}.", high=high) if high else ""


def read_row(
    inputs: Sequence[Input], typed: Mapping[str, str], language: Language
) -> dict[str, Any]:
    """The row of a form, its photos left out, and its empty fields.

    What is no number stays the text it is.
    """
    row: dict[str, Any] = {}
    for item in inputs:
        if item.is_image:
            continue
        text = typed.get(item.name, "").strip()
        if text:
            row[item.name] = _read(item, text, language)
    return row


def read_number(text: str, language: Language) -> int | float | str:
    """The number that `text` spells, with a decimal point or comma; otherwise `text` itself."""
    if len(text) > _LONGEST_NUMBER:
        return text
    plain = _SPACES.sub("", text.strip()).replace("\N{MINUS SIGN}", "-")
    if language.thousands_mark == "," and _THOUSANDS.fullmatch(plain):
        plain = plain.replace(",", "")
    elif plain.count(",") == 1 and "." not in plain:
        plain = plain.replace(",", ".")
    if not _NUMBER.fullmatch(plain):
        return text
    if _WHOLE.fullmatch(plain) and abs(int(plain)) <= MOST_EXACT:
        return int(plain)
    value = float(plain)
    return value if math.isfinite(value) else text


def typed_value(item: Input, value: Any, language: Language) -> str:
    """A value as a person would type it, for a form that is filled in beforehand."""
    if value is None or item.is_image:
        return ""
    if isinstance(value, list):
        separator = "; " if language.decimal_mark == "," and item.dtype != "string" else ", "
        return separator.join(typed_value(item, leaf, language) for leaf in leaves(value))
    if item.choices is not None or isinstance(value, str):
        return str(value)
    return language.plain_number(value)


def leaves(value: Any) -> list[Any]:
    """The single values of nested lists, in order."""
    if not isinstance(value, list):
        return [value]
    return [leaf for part in value for leaf in leaves(part)]


def _kind(item: Input) -> Kind:
    if item.is_image:
        return "photo"
    if item.choices is not None:
        return "select" if item.choices.closed else "suggest"
    if item.dtype == "string" or math.prod(item.shape) > 8:
        return "area"
    return "line"


def _mode(item: Input) -> str:
    if item.shape or item.dtype == "string":
        return "text"
    low = item.bounds[0]
    # telephone keyboards for numbers have no minus sign
    if low < 0:
        return "text"
    return "numeric" if item.integral else "decimal"


def _options(item: Input, language: Language) -> tuple[tuple[str, str], ...]:
    if item.choices is None:
        return ()
    labels = item.choices.labels
    values = item.choices.values
    shown = values if item.choices.closed else values[:MOST_SUGGESTIONS]
    return tuple((value, text_in(labels.get(value, value), language.code)) for value in shown)


def _hint(item: Input, language: Language) -> str:
    t, parts = language.text, []
    if item.is_image:
        pass
    elif item.shape:
        parts.append(t("{count} values, separated by commas.", count=math.prod(item.shape)))
    elif item.choices is not None:
        parts.append("" if item.choices.closed else t("Pick from the list or type another value."))
    else:
        parts.append(limits_phrase(item, language))
        if item.range is not None:
            low, high = (language.roughly(value) for value in item.range)
            parts.append(t("Seen in training: {low} to {high}.", low=low, high=high))
    return " ".join(part for part in parts if part)


def _limits_within(item: Input, language: Language) -> str:
    """The limits as they go on in a sentence."""
    t = language.text
    low, high = _shown_limits(item, language)
    if low and high:
        return t(" from {low} to {high}", low=low, high=high)
    if low:
        return t(" of at least {low}", low=low)
    return t(" of at most {high}", high=high) if high else ""


def _shown_limits(item: Input, language: Language) -> list[str]:
    return ["" if one is None else language.bound(one) for one in item.limits or (None, None)]


def _read(item: Input, text: str, language: Language) -> Any:
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


def _read_list(item: Input, text: str, language: Language) -> Any:
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
