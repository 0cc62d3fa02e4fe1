"""JSON schemas that follow from the signature of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vigie.models.number_limits import INT64_MAX
from vigie.models.text import text_in

if TYPE_CHECKING:
    from vigie.models.document import PackageDocument
    from vigie.models.model_input import Input
    from vigie.models.model_output import Output

Schema = dict[str, Any]

_FILE: Schema = {"type": "string", "contentMediaType": "application/octet-stream"}
_TYPES = {"float32": "number", "int64": "integer", "string": "string"}


def row_schema(document: PackageDocument) -> Schema:
    """The JSON schema of one row of a model."""
    return {
        "type": "object",
        "properties": {
            item.name: _photo_schema(item) if item.is_image else _input_schema(item)
            for item in document.inputs
        },
        "required": [item.name for item in document.inputs if item.required],
        "additionalProperties": False,
    }


def upload_schema(document: PackageDocument) -> Schema:
    """The schema of a form of photos: a part for each, and of other inputs one for each or all."""
    parts: Schema = {}
    for item in document.inputs:
        part = dict(_FILE) if item.is_image else _input_schema(item)
        parts[item.name] = {"type": "array", "items": part, "minItems": 1}
    required = [item.name for item in document.inputs if item.required]
    return {
        "type": "object", "properties": parts, "required": required, "additionalProperties": False,
    }  # fmt: skip


def file_schema() -> Schema:
    """The schema of a body that is a photo."""
    return dict(_FILE)


def _photo_schema(item: Input) -> Schema:
    text = {"type": "string", "contentEncoding": "base64", "description": "The file in base64."}
    return {
        "type": "object",
        "properties": {"b64": text},
        "required": ["b64"],
        "additionalProperties": False,
        "description": _describe(item),
        "examples": [item.example] if item.example is not None else [],
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
    if item.flag:
        schema["type"] = ["integer", "boolean"]
    if not item.required:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        schema["type"] = [*kinds, "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    schema["description"] = _describe(item)
    if item.example is not None:
        schema["examples"] = [item.example]
    return schema


def _describe(item: Input) -> str:
    text = text_in(item.label, "en") + (f", {item.unit}" if item.unit else "")
    return f"{text}. {text_in(item.help, 'en')}" if item.help else f"{text}."


def answer_schema(document: PackageDocument) -> Schema:
    """The JSON schema of one prediction of a model."""
    properties: dict[str, Schema] = {}
    named = document.shown_outputs
    if document.task == "classification":
        labels = list(document.labels)
        properties["label"] = {"type": "string", "enum": labels}
        properties["score"] = {"type": "number"}
        properties["scores"] = {
            "type": "object",
            "properties": {label: {"type": "number"} for label in labels},
            "required": labels,
        }
        # the scores are its first output
        named = named[1:]
    for output in named:
        properties.setdefault(output.name, _output_schema(output))
    if document.neighbours is not None:
        properties.setdefault("neighbours", _neighbours_schema(document))
    if document.label_notes and document.task == "classification":
        properties.setdefault("note", _note_schema())
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


def _neighbours_schema(document: PackageDocument) -> Schema:
    """The schema of the reference rows that a row is most like, the most alike first."""
    parts: Schema = {
        "label": {"type": ["string", "null"], "enum": [*document.labels, None]},
        "similarity": {
            "type": "number",
            "description": "The cosine of the angle between the vectors, -1 to 1.",
        },
        "photo": {"type": "string", "description": "The name of the reference row."},
    }
    if document.neighbours is not None and document.neighbours.thumbnails:
        parts["thumbnail"] = {
            "type": "string",
            "format": "uri-reference",
            "description": "The address of a small picture of it, on this service.",
        }
    one = {"type": "object", "properties": parts, "required": list(parts)}
    return {"type": "array", "items": one}


def _note_schema() -> Schema:
    """The schema of what people can read of a label."""
    text = {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "description": "The text by language.",
    }
    return {
        "type": ["object", "null"],
        "properties": {
            "text": text,
            "link": {
                "type": ["string", "null"],
                "format": "uri",
                "description": "Where there is more of it.",
            },
        },
        "required": ["text", "link"],
        "description": "What people can read of the label; null where there is nothing.",
    }
