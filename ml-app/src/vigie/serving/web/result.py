"""A prediction as a person reads it: the estimate, its interval, scores, warnings, the command."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from vigie.models.document import text_in
from vigie.serving.web.form import leaves

if TYPE_CHECKING:
    from vigie.models.document import Input, Output, PackageDocument
    from vigie.serving.web.language import Language

_MOST_NUMBERS = 8


@dataclass(frozen=True, slots=True)
class Bar:
    """An interval drawn on a line: where it starts, its width and the estimate, in per cent."""

    start: float
    width: float
    mark: float
    low: str
    high: str


@dataclass(frozen=True, slots=True)
class Score:
    """One class of a classification with its score."""

    label: str
    text: str
    width: float
    best: bool


@dataclass(frozen=True, slots=True)
class ResultView:
    """Everything that a result page says about one prediction."""

    headline: str
    headline_label: str
    interval: str
    bar: Bar | None
    scores: list[Score]
    outputs: list[tuple[str, str]]
    warnings: list[str]


def result_of(
    document: PackageDocument,
    prediction: Mapping[str, Any],
    outside: Iterable[Input],
    language: Language,
) -> ResultView:
    """What one prediction of the API says. `outside` are the inputs with values never seen."""
    warnings = [_warning(item, language) for item in outside]
    if document.task == "classification":
        scores = _scores(document, prediction, language)
        best = next(score for score in scores if score.best)
        label = text_in(document.outputs[0].label, language.code)
        return ResultView(best.label, label, "", None, scores, [], warnings)
    first, *others = document.outputs
    headline, label = "", ""
    if document.task == "regression" and isinstance(prediction[first.name], int | float):
        headline = language.quantity(prediction[first.name], first.unit, first.decimals)
        label = text_in(first.label, language.code)
    else:
        others = [first, *others]
    rows = [
        (text_in(one.label, language.code), _output_text(one, prediction[one.name], language))
        for one in others
    ]
    interval, bar = _interval(document, prediction, language)
    return ResultView(headline, label, interval, bar, [], rows, warnings)


def curl_command(url: str, body: bytes) -> str:
    """The command that sends `body` to `url`, safe to paste into a shell."""
    return (
        f"curl -sS {shlex.quote(url)} \\\n"
        f"  -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(body.decode())}"
    )


def body_of(row: Mapping[str, Any]) -> bytes:
    """The request body for one row."""
    return orjson.dumps({"instances": [row]})


def _scores(
    document: PackageDocument, prediction: Mapping[str, Any], language: Language
) -> list[Score]:
    best = prediction["label"]
    ranked = sorted(prediction["scores"].items(), key=lambda pair: -pair[1])
    return [
        Score(
            text_in(document.label_texts.get(label, label), language.code),
            language.percent(score, 1),
            round(100 * min(max(score, 0.0), 1.0), 2),
            label == best,
        )
        for label, score in ranked
    ]


def _interval(
    document: PackageDocument, prediction: Mapping[str, Any], language: Language
) -> tuple[str, Bar | None]:
    first = document.outputs[0]
    bounds, value = prediction.get("interval"), prediction[first.name]
    if bounds is None or not isinstance(value, int | float):
        return "", None
    low, high = (language.quantity(one, first.unit, first.decimals) for one in bounds)
    t = language.text
    level = (document.interval or {}).get("level")
    if isinstance(level, int | float):
        text = t(
            "In {level} of comparable cases the real value lies between {low} and {high}.",
            level=language.percent(level),
            low=low,
            high=high,
        )
    else:
        text = t("The real value probably lies between {low} and {high}.", low=low, high=high)
    return text, _bar(value, bounds, low, high)


def _bar(value: float, bounds: list[float], low: str, high: str) -> Bar | None:
    left, right = min(bounds[0], value), max(bounds[1], value)
    span = right - left
    if span <= 0:
        return None
    # a tenth of the line stays free on each side
    place = [round(10 + 80 * (one - left) / span, 2) for one in (*bounds, value)]
    return Bar(place[0], round(place[1] - place[0], 2), place[2], low, high)


def _output_text(output: Output, value: Any, language: Language) -> str:
    if isinstance(value, int | float):
        return language.quantity(value, output.unit, output.decimals)
    numbers = leaves(value)
    first = "; ".join(language.number(one) for one in numbers[:_MOST_NUMBERS])
    more = "; …" if len(numbers) > _MOST_NUMBERS else ""
    return language.text("{count} numbers: {first}", count=len(numbers), first=first + more)


def _warning(item: Input, language: Language) -> str:
    t = language.text
    label = text_in(item.label, language.code)
    if item.range is None or item.choices is not None:
        return t("{label}: a value that was not seen in training.", label=label)
    low, high = (language.roughly(value) for value in item.range)
    return t(
        "{label}: outside the range seen in training ({low} to {high}).",
        label=label,
        low=low,
        high=high,
    )
