"""The documentation page of the API, taken from its OpenAPI document and the models' signatures."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from vigie.errors import VigieError
from vigie.models.photo_format import photo_formats
from vigie.models.text import text_in
from vigie.serving.dialects.native import NativeDialect
from vigie.serving.openapi.document import build_openapi
from vigie.serving.runtime.messages import Request, RequestContext, Result
from vigie.serving.web.form import limits_phrase
from vigie.serving.web.result import body_of, curl_command, curl_with_photos

if TYPE_CHECKING:
    from vigie.models.document import PackageDocument
    from vigie.models.model_input import Input
    from vigie.serving.runtime.loaded_model import LoadedModel
    from vigie.serving.runtime.manager import ModelManager
    from vigie.serving.web.language import Language

_MOST_CHOICES = 12
_MOST_NUMBERS, _FEW_NUMBERS = 16, 3
"""A list of more than so many numbers in an answer is shown by its first few."""
_EXAMPLE_ID = "6f1e2d3c4b5a69788796a5b4c3d2e1f0"


@dataclass(frozen=True, slots=True)
class InputRow:
    """One input in the table of a model."""

    name: str
    label: str
    type: str
    unit: str
    taken: str
    choices: tuple[str, ...]
    required: bool


@dataclass(frozen=True, slots=True)
class ModelSection:
    """One model of the documentation."""

    name: str
    title: str
    version: str
    endpoint: str
    first: bool
    inputs: list[InputRow]
    curl: str
    answer: str
    photos: bool
    photo_alone: bool


@dataclass(frozen=True, slots=True)
class RouteRow:
    """A route that is no prediction route; its summary is English."""

    method: str
    path: str
    summary: str


def sections_and_routes(
    manager: ModelManager, root: str, language: Language, answers: dict[str, str]
) -> tuple[list[ModelSection], list[RouteRow]]:
    """A section per model, and the routes that are no prediction routes of ours.

    `answers` keeps the example answers by digest between calls.
    """
    lives = manager.lives
    if not lives:
        return [], []
    document = build_openapi(lives, manager.first)
    schemas = document["components"]["schemas"]
    sections = [
        ModelSection(
            name=live.name,
            title=text_in(live.document.title, language.code),
            version=live.version,
            endpoint=f"/predict/{live.name}",
            first=live.name == manager.first,
            inputs=[
                _input_row(item, schemas[f"{live.name}.Row"]["properties"][item.name], language)
                for item in live.inputs.values()
            ],
            curl=_example_command(live.document, f"{root}/predict/{live.name}"),
            answer=_example_answer(live, answers),
            photos=bool(live.document.images),
            photo_alone=sum(item.required for item in live.document.inputs) == 1,
        )
        for live in lives
    ]
    return sections, _route_rows(document["paths"])


def _route_rows(paths: Mapping[str, Any]) -> list[RouteRow]:
    return [
        RouteRow(method.upper(), path, str(operation["summary"]))
        for path, methods in paths.items()
        for method, operation in methods.items()
        if path.split("/")[1] != "predict" and method != "parameters"
    ]


def _example_command(document: PackageDocument, url: str) -> str:
    if not document.images:
        return curl_command(url, body_of(document.example))
    photos = {item.name for item in document.images}
    row = {name: value for name, value in document.example.items() if name not in photos}
    return curl_with_photos(url, row, [(name, f"{name}.jpg") for name in sorted(photos)])


def _input_row(item: Input, schema: Mapping[str, Any], language: Language) -> InputRow:
    values = item.choices.values if item.choices else ()
    shown = values[:_MOST_CHOICES] + (("…",) if len(values) > _MOST_CHOICES else ())
    taken = limits_phrase(item, language)
    if item.choices is not None and not item.choices.closed:
        taken = language.text("others are taken with a warning")
    if item.is_image:
        taken = ", ".join(photo_formats())
    return InputRow(
        name=item.name,
        label=text_in(item.label, language.code),
        type=language.text("photo") if item.is_image else _type_text(schema),
        unit=language.unit_symbol(item.unit),
        taken=taken,
        choices=shown,
        required=item.required,
    )


def _type_text(schema: Mapping[str, Any]) -> str:
    kind = schema["type"]
    names = kind if isinstance(kind, list) else [kind]
    if "items" in schema:
        return f"array[{schema['minItems']}] of {_type_text(schema['items'])}"
    return " | ".join(str(name) for name in names)


def _shortened(part: Any) -> Any:
    """An answer with the first of many numbers, and how many more there are."""
    if isinstance(part, dict):
        return {name: _shortened(value) for name, value in part.items()}
    if not isinstance(part, list):
        return part
    if len(part) <= _MOST_NUMBERS or isinstance(part[0], dict | list):
        return [_shortened(one) for one in part]
    return [*part[:_FEW_NUMBERS], f"… {len(part)} numbers"]


def _example_answer(live: LoadedModel, answers: dict[str, str]) -> str:
    """What the version answers to its example; computed once, empty where it has none."""
    key = f"{live.name} {live.version} {live.digest}"
    if key not in answers:
        answers[key] = ""
        row = live.document.example
        with contextlib.suppress(VigieError):
            dialect = NativeDialect(1)
            decoded = live.predictor.decoder.decode([row])
            result = Result(live.predictor.predict(decoded.columns), 0.0, 0.0)
            context = RequestContext(
                Request("POST", f"/predict/{live.name}", {}, b""),
                _EXAMPLE_ID,
                dialect,
                "/predict/<model>",
            )
            context.live, context.decoded = live, decoded
            body = dialect.encode(context, result).body
            said = _shortened(orjson.loads(body))
            answers[key] = orjson.dumps(said, option=orjson.OPT_INDENT_2).decode()
    return answers[key]
