"""OpenAPI 3.1: what is fixed is in the JSON files here, the rest follows from the models."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

import vigie
from vigie.models.text import text_in
from vigie.serving.auth.access import OPEN_ROUTES
from vigie.serving.auth.session import takes_sessions
from vigie.serving.dialects.v2_tensors import INPUT_DATATYPES
from vigie.serving.openapi.schemas import answer_schema, file_schema, row_schema, upload_schema
from vigie.serving.problems import PROBLEMS

if TYPE_CHECKING:
    from vigie.models.document import PackageDocument
    from vigie.models.model_input import Input
    from vigie.serving.openapi.schemas import Schema
    from vigie.serving.runtime.loaded_model import LoadedModel

_SESSION = "session"
_FOLDER = Path(__file__).parent


def build_openapi(lives: Sequence[LoadedModel], first: str) -> Schema:
    """The OpenAPI document of the models that serve; the one named `first` answers `/predict`.

    `/predict` is left out while that one does not serve: it is not for another to answer.
    """
    components = read_part("components")
    schemas = {"Problem": components["Problem"]}
    schemas["Problem"]["properties"]["type"]["enum"] = [f"/docs/errors/{code}" for code in PROBLEMS]
    paths: Schema = {}
    for live in lives:
        if live.name == first:
            paths["/predict"] = _prediction_path(live, "predict")
        paths[f"/predict/{live.name}"] = _prediction_path(live, f"predict_{live.name}")
        if live.document.neighbours is not None and live.document.neighbours.thumbnails:
            picture = f"/models/{live.name}/neighbours/{{place}}.jpg"
            paths[picture] = read_part("operations")["thumbnail"]
        schemas[f"{live.name}.Row"] = row_schema(live.document)
        schemas[f"{live.name}.Answer"] = answer_schema(live.document)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Vigie",
            "version": vigie.__version__,
            "description": "Predictions of the models that serve now.",
        },
        "paths": {**paths, **_fixed_paths(lives[0].document)},
        "components": {"schemas": schemas, "headers": components["headers"]},
    }


def with_keys(document: Schema) -> Schema:
    """The document of a service that asks for keys."""
    schemes = read_part("components")["securitySchemes"]
    paths = {path: _asking(path, item) for path, item in document["paths"].items()}
    components = {**document["components"], "securitySchemes": schemes}
    security = _any_of(*(name for name in schemes if name != _SESSION))
    return {**document, "paths": paths, "components": components, "security": security}


def feedback_example() -> Schema:
    """A truth about the price of a home."""
    example: Schema = _json_body(read_part("paths")["/feedback"])["example"]
    return example


def read_part(name: str) -> Schema:
    """A copy of a JSON file of this folder, with what it refers to in such files in its place."""
    part: Schema = _whole(_parsed(name))
    return part


@functools.cache
def _parsed(name: str) -> Schema:
    parsed: Schema = orjson.loads((_FOLDER / f"{name}.json").read_bytes())
    return parsed


def _whole(part: Any) -> Any:
    if isinstance(part, list):
        return [_whole(one) for one in part]
    if not isinstance(part, dict):
        return part
    file, _, name = str(part.get("$ref", "")).partition(".json#/")
    if name:
        return _whole(_parsed(file)[name])
    return {key: _whole(one) for key, one in part.items()}


def _json_body(item: Schema) -> Schema:
    """What a path takes as JSON."""
    body: Schema = item["post"]["requestBody"]["content"]["application/json"]
    return body


def _prediction_path(live: LoadedModel, operation: str) -> Schema:
    text = orjson.dumps(_parsed("prediction")).replace(b"<model>", live.name.encode())
    item: Schema = {"post": orjson.loads(text)}
    item["post"]["operationId"] = operation
    item["post"]["summary"] = text_in(live.document.title, "en")
    _json_body(item)["example"] = {"instances": [live.document.example]}
    if live.images:
        content = item["post"]["requestBody"]["content"]
        if all(one in live.images or not one.required for one in live.document.inputs):
            content["image/*"] = {"schema": file_schema()}
        content["multipart/form-data"] = {"schema": upload_schema(live.document)}
    return item


def _fixed_paths(document: PackageDocument) -> Schema:
    """The paths that every service has, with examples for the first of its models."""
    row = {name: value for name, value in document.example.items() if value is not None}
    tensors = [_tensor(item, row[item.name]) for item in document.inputs if item.name in row]
    split = {"columns": list(row), "data": [list(row.values())]}
    examples: Schema = {
        ":predict": {"instances": [row]},
        "/infer": {"inputs": tensors},
        "/invocations": {"dataframe_split": split},
    }
    paths = read_part("paths")
    for path, item in paths.items():
        for ending, example in examples.items():
            if path.endswith(ending):
                _json_body(item)["example"] = example
    return paths


def _tensor(item: Input, value: Any) -> Schema:
    """One row of an input as a tensor."""
    datatype = INPUT_DATATYPES[item.dtype]
    if item.is_image:
        return {"name": item.name, "shape": [1], "datatype": datatype, "data": [value["b64"]]}
    return {"name": item.name, "shape": [1, *item.shape], "datatype": datatype, "data": [value]}


def _asking(path: str, item: Schema) -> Schema:
    return {
        name: part if name == "parameters" else _with_refusal(path, part)
        for name, part in item.items()
    }


def _with_refusal(path: str, operation: Schema) -> Schema:
    if path in OPEN_ROUTES:
        return {**operation, "security": []}
    if takes_sessions(path):
        operation = {**operation, "security": _any_of(*read_part("components")["securitySchemes"])}
    responses = operation["responses"]
    refused = {
        "description": "No key that is taken was sent.",
        "headers": {"WWW-Authenticate": {"schema": {"type": "string", "const": "Bearer"}}},
        "content": _refusal_content(responses),
    }
    return {**operation, "responses": {**responses, "401": refused}}


def _any_of(*schemes: str) -> list[Schema]:
    return [{name: []} for name in schemes]


def _refusal_content(responses: Schema) -> Schema:
    """The form of the route's other refusals; the service's own where it documents none."""
    for status, response in responses.items():
        if status[0] == "4":
            content: Schema = response["content"]
            return content
    return {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
