"""A prediction as a person reads it: the estimate, its interval, scores, warnings, the command."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from vigie.models.text import text_in
from vigie.serving.web.form import leaves
from vigie.serving.web.information import Information, information_of

if TYPE_CHECKING:
    from vigie.models.document import PackageDocument
    from vigie.models.model_input import Input
    from vigie.models.model_output import Output
    from vigie.serving.web.language import Language
    from vigie.serving.web.photo_answers import PhotoView

_OF_LABELS = frozenset({"label", "score", "scores"})
"""Parts of a classification's answer whose names are theirs, also where an output has one."""
_MOST_NUMBERS = 8
_MOST_SCORES = 12
_FEW_SCORES = 3
"""Of each of several answers on a page; of an only one up to `_MOST_SCORES`."""


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
    more_scores: int = 0
    """How many classes of a single answer have lower scores than those that are shown."""
    download: str = ""
    """A `data:` address of the outputs as JSON, where one has too many numbers to show."""
    information: Information = field(default_factory=Information)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a page says about one row: its result and its photos, which a table has none of."""

    result: ResultView
    photos: Sequence[PhotoView] = ()


def result_of(
    document: PackageDocument,
    prediction: Mapping[str, Any],
    outside: Iterable[Input],
    language: Language,
    *,
    single: bool = True,
) -> ResultView:
    """What one prediction of the API says. `outside` are the inputs with values never seen.

    Where it is not the `single` one of a page, only its highest scores are shown.
    """
    warnings = [_warning(item, language) for item in outside]
    information = information_of(document, prediction, language)
    first, *others = document.shown_outputs
    if document.task == "classification":
        scores = _scores(document, prediction, language)
        best = next(score for score in scores if score.best)
        others = [one for one in others if single and one.name not in _OF_LABELS]
        return ResultView(
            best.label,
            text_in(first.label, language.code),
            "",
            None,
            scores[: _MOST_SCORES if single else _FEW_SCORES],
            _rows(others, prediction, language),
            warnings,
            max(len(scores) - _MOST_SCORES, 0) if single else 0,
            _download({one.name: prediction[one.name] for one in others}),
            information,
        )
    headline, label = "", ""
    if document.task == "regression" and isinstance(prediction[first.name], int | float):
        headline = language.quantity(prediction[first.name], first.unit, first.decimals)
        label = text_in(first.label, language.code)
    else:
        others = [first, *others]
    interval, bar = _interval(document, prediction, language)
    return ResultView(
        headline,
        label,
        interval,
        bar,
        [],
        _rows(others, prediction, language),
        warnings,
        download=_download({one.name: prediction[one.name] for one in others}),
        information=information,
    )


def curl_command(url: str, body: bytes) -> str:
    """The command that sends `body` to `url`, safe to paste into a shell."""
    return (
        f"curl -sS {shlex.quote(url)} \\\n"
        f"  -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(body.decode())}"
    )


def curl_with_photos(url: str, row: Mapping[str, Any], files: Iterable[tuple[str, str]]) -> str:
    """The command that sends files, each with the input it is for, and a row's other values."""
    lines = [f"curl -sS {shlex.quote(url)}"]
    lines += [f"-F {shlex.quote(f'{name}=@{_curl_file(file)}')}" for name, file in files]
    lines += [
        # a text of the form's may begin with @ or <, which -F would take for a file
        f"--form-string {shlex.quote(f'{name}={_form_text(value)}')}"
        for name, value in row.items()
    ]
    return " \\\n  ".join(lines)


def body_of(row: Mapping[str, Any]) -> bytes:
    """The request body for one row."""
    return orjson.dumps({"instances": [row]})


def _curl_file(name: str) -> str:
    """A file's name as curl's -F reads it: quoted where it holds what separates options there."""
    if name == "-":
        return "./-"
    if not any(mark in name for mark in ',;"\\'):
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _form_text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _download(outputs: Mapping[str, Any]) -> str:
    if all(len(leaves(value)) <= _MOST_NUMBERS for value in outputs.values()):
        return ""
    encoded = base64.b64encode(orjson.dumps(outputs)).decode()
    return f"data:application/json;base64,{encoded}"


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


def _rows(
    outputs: Sequence[Output], prediction: Mapping[str, Any], language: Language
) -> list[tuple[str, str]]:
    """Outputs with their values, as a table has them."""
    return [
        (text_in(one.label, language.code), _output_text(one, prediction[one.name], language))
        for one in outputs
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
