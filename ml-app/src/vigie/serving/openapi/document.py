"""OpenAPI 3.1, built from the signatures of the models that serve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import vigie
from vigie.models.document import INT64_MAX, Input, Output, PackageDocument, text_in
from vigie.serving.openapi.dialects import dialect_paths
from vigie.serving.openapi.feedback import feedback_path
from vigie.serving.problems import PROBLEMS
from vigie.serving.runtime.loaded_model import LoadedModel

Schema = dict[str, Any]

_TYPES = {"float32": "number", "int64": "integer", "string": "string"}
_PROBLEM_STATUSES = {
    "400": "The body is not JSON.",
    "413": "The body is too large.",
    "415": "The media type is not taken.",
    "422": "A value breaks the signature or a limit; `errors` names each field.",
    "500": "The model or the service failed.",
    "503": "Full, or no usable model; see Retry-After.",
    "504": "The deadline passed; the work was not done.",
}


def build_openapi(lives: Sequence[LoadedModel]) -> Schema:
    """The OpenAPI document; the first of `lives` also answers `/predict`."""
    paths: dict[str, Any] = {"/predict": _prediction_path(lives[0], "predict")}
    schemas: dict[str, Schema] = {"Problem": _problem_schema()}
    for live in lives:
        document = live.document
        paths[f"/predict/{live.name}"] = _prediction_path(live, f"predict_{live.name}")
        schemas[f"{live.name}.Row"] = row_schema(document)
        schemas[f"{live.name}.Answer"] = _answer_schema(document)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Vigie",
            "version": vigie.__version__,
            "description": "Predictions of the models that serve now.",
        },
        "paths": {
            **paths,
            **dialect_paths(lives[0]),
            "/feedback": feedback_path(),
            **_operation_paths(),
        },
        "components": {"schemas": schemas, "headers": _headers()},
    }


def row_schema(document: PackageDocument) -> Schema:
    """The JSON schema of one row of a model."""
    return {
        "type": "object",
        "properties": {item.name: _input_schema(item) for item in document.inputs},
        "required": [item.name for item in document.inputs if item.required],
        "additionalProperties": False,
    }


def _input_schema(item: Input) -> Schema:
    schema: Schema = {"type": _TYPES[item.dtype]}
    low, high = item.limits or (None, None)
    if item.choices is not None and item.integral:
        low, high = -int(INT64_MAX), int(INT64_MAX)
    if low is not None:
        schema["minimum"] = low
    if high is not None:
        schema["maximum"] = high
    if item.choices is not None and item.choices.closed:
        schema["enum"] = (
            [int(value) for value in item.choices.values]
            if item.integral
            else list(item.choices.values)
        )
    for size in reversed(item.shape):
        schema = {"type": "array", "items": schema, "minItems": size, "maxItems": size}
    if not item.required:
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    schema["description"] = _describe(item)
    if item.example is not None:
        schema["examples"] = [item.example]
    return schema


def _describe(item: Input) -> str:
    text = text_in(item.label, "en") + (f", {item.unit}" if item.unit else "")
    return f"{text}. {text_in(item.help, 'en')}" if item.help else f"{text}."


def _answer_schema(document: PackageDocument) -> Schema:
    properties: dict[str, Schema] = {}
    if document.task == "classification":
        labels = list(document.labels)
        properties["label"] = {"type": "string", "enum": labels}
        properties["score"] = {"type": "number"}
        properties["scores"] = {
            "type": "object",
            "properties": {label: {"type": "number"} for label in labels},
            "required": labels,
        }
    else:
        properties = {output.name: _output_schema(output) for output in document.outputs}
    if document.interval is not None:
        properties["interval"] = {
            "type": "array",
            "items": {"type": "number"},
            "minItems": 2,
            "maxItems": 2,
            "description": f"Holds the truth in {document.interval['level']:.0%} of the cases.",
        }
    properties["warnings"] = {"type": "array", "items": {"type": "string"}}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _output_schema(output: Output) -> Schema:
    schema: Schema = {"type": "number"}
    for size in reversed(output.shape):
        schema = {"type": "array", "items": schema, "minItems": size, "maxItems": size}
    unit = f", {output.unit}" if output.unit else ""
    return {**schema, "description": text_in(output.label, "en") + unit}


def _prediction_path(live: LoadedModel, operation: str) -> Schema:
    document = live.document
    row = {"$ref": f"#/components/schemas/{live.name}.Row"}
    answer = {
        "type": "object",
        "properties": {
            "model": {"type": "string"},
            "version": {"type": "string"},
            "request_id": {"type": "string"},
            "predictions": {
                "type": "array",
                "items": {"$ref": f"#/components/schemas/{live.name}.Answer"},
            },
        },
        "required": ["model", "version", "request_id", "predictions"],
    }
    instances = {"type": "array", "items": row, "minItems": 1}
    body = {
        "oneOf": [
            {
                "type": "object",
                "properties": {"instances": instances},
                "required": ["instances"],
                "additionalProperties": False,
            },
            {
                "type": "object",
                "properties": {"features": {"oneOf": [row, instances]}},
                "required": ["features"],
                "additionalProperties": False,
            },
            row,
            instances,
        ]
    }
    problems = {status: _problem(text) for status, text in _PROBLEM_STATUSES.items()}
    return {
        "post": {
            "operationId": operation,
            "summary": text_in(document.title, "en"),
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": body,
                        "example": {"instances": [document.example]},
                    }
                },
            },
            "responses": {
                "200": {
                    "description": "One prediction per row, in the order of the rows.",
                    "headers": {
                        name: {"$ref": f"#/components/headers/{name}"} for name in _headers()
                    },
                    "content": {"application/json": {"schema": answer}},
                },
                **problems,
            },
        }
    }


def _problem(text: str) -> Schema:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": text, "content": {"application/problem+json": {"schema": schema}}}


def _headers() -> Schema:
    texts = {
        "X-Request-Id": "The caller's id, or a fresh one.",
        "X-Model-Name": "The model that answered.",
        "X-Model-Version": "Its registered version.",
        "X-Model-Digest": "The sha256 of its package's manifest.",
        "X-Prediction-Logged": "Whether the answer goes to the prediction log: true or false.",
        "Server-Timing": "Time in queue, decode, infer and encode, milliseconds.",
    }
    return {
        name: {"description": text, "schema": {"type": "string"}} for name, text in texts.items()
    }


def _problem_schema() -> Schema:
    text = {"type": "string"}
    return {
        "type": "object",
        "description": "RFC 9457 problem document.",
        "properties": {
            "type": {"type": "string", "enum": [f"/docs/errors/{code}" for code in PROBLEMS]},
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "request_id": text,
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"pointer": text, "expected": text, "got": text},
                    "required": ["pointer", "expected", "got"],
                },
            },
            "example": {},
        },
        "required": ["type", "title", "status", "detail", "request_id"],
    }


def _operation_paths() -> Schema:
    anything = {"application/json": {"schema": {"type": "object"}}}
    state = {"description": "Its state.", "content": anything}
    return {
        "/livez": {"get": {"summary": "The process answers.", "responses": {"200": state}}},
        "/readyz": {
            "get": {
                "summary": "Every configured model serves.",
                "responses": {"200": state, "503": state},
            }
        },
        "/v1/models": {"get": {"summary": "The models here.", "responses": {"200": state}}},
        "/v1/models/{model}": {
            "get": {
                "summary": "One model: its version, the versions in memory, a refused candidate.",
                "parameters": [
                    {"name": "model", "in": "path", "required": True, "schema": {"type": "string"}}
                ],
                "responses": {"200": state, "404": {**state, "description": "No such model."}},
            }
        },
    }
