"""The form of a model: its fields as a template shows them, and what to put right in them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from vigie.models.document import Input, text_in
from vigie.serving.web.formats import bound, roughly, unit_symbol
from vigie.serving.web.texts import Translate, translator
from vigie.serving.web.typed import typed_value

MOST_SUGGESTIONS = 500

Kind = Literal["line", "area", "select", "suggest"]


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
    language: str,
) -> list[Field]:
    """The fields of a form with what was typed, or with the example where nothing was yet."""
    t = translator(language)
    return [
        Field(
            name=item.name,
            label=text_in(item.label, language),
            kind=_kind(item),
            value=(
                typed.get(item.name, "")
                if typed is not None
                else typed_value(item, item.example, language)
            ),
            required=item.required,
            unit=unit_symbol(item.unit),
            help=text_in(item.help, language) if item.help else "",
            hint=_hint(item, t, language),
            error=wrong.get(item.name, ""),
            mode=_mode(item),
            options=_options(item, language),
            blank=t("choose") if item.required else t("not_given"),
        )
        for item in inputs
    ]


def wrong_fields(
    inputs: Sequence[Input], problem: Mapping[str, Any], language: str
) -> dict[str, str]:
    """By field, one sentence that says what to enter, from the errors of a problem document."""
    items = {item.name: item for item in inputs}
    named = [str(error["pointer"]).rpartition("/")[2] for error in problem.get("errors", ())]
    return {name: what_to_enter(items[name], language) for name in named if name in items}


def what_to_enter(item: Input, language: str) -> str:
    """`Enter a whole number from 1 to 50.`"""
    t = translator(language)
    if item.shape:
        sentence = t("enter_list", count=math.prod(item.shape))
    elif item.choices and item.choices.closed:
        sentence = t("enter_choice")
    elif item.dtype == "string":
        sentence = t("enter_text")
    else:
        sentence = t("enter_integer" if item.integral else "enter_number")
        sentence += _limits(item, t, language, "phrase_")
    return sentence + ("." if item.required else f"{t('phrase_optional')}.")


def limits_phrase(item: Input, language: str) -> str:
    """`From 1 to 50.`, empty where there is no limit."""
    return _limits(item, translator(language), language, "")


def _kind(item: Input) -> Kind:
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


def _options(item: Input, language: str) -> tuple[tuple[str, str], ...]:
    if item.choices is None:
        return ()
    labels = item.choices.labels
    values = item.choices.values
    shown = values if item.choices.closed else values[:MOST_SUGGESTIONS]
    return tuple((value, text_in(labels.get(value, value), language)) for value in shown)


def _hint(item: Input, t: Translate, language: str) -> str:
    parts = []
    if item.shape:
        parts.append(t("several", count=math.prod(item.shape)))
    elif item.choices is not None:
        parts.append("" if item.choices.closed else t("or_other"))
    else:
        parts.append(_limits(item, t, language, ""))
        if item.range is not None:
            low, high = (roughly(value, language) for value in item.range)
            parts.append(t("seen", low=low, high=high))
    return " ".join(part for part in parts if part)


def _limits(item: Input, t: Translate, language: str, style: str) -> str:
    low, high = item.limits or (None, None)
    places = {
        name: bound(value, language)
        for name, value in (("low", low), ("high", high))
        if value is not None
    }
    if not places:
        return ""
    key = "from_to" if len(places) == 2 else "at_least" if low is not None else "at_most"
    return t(style + key, **places)
