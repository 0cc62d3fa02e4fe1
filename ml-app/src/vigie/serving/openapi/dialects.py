"""The routes of the other dialects in OpenAPI: their forms are fixed elsewhere, so in short."""

from __future__ import annotations

import re
from typing import Any

from vigie.models.document import Input, PackageDocument
from vigie.serving.dialects.v2_tensors import INPUT_DATATYPES
from vigie.serving.openapi.bodies import INVOCATIONS, TFSERVING, V2
from vigie.serving.runtime.loaded_model import LoadedModel

Schema = dict[str, Any]

_OBJECT: Schema = {"type": "object"}
_TF_CHOICES = ("", "/versions/{version}", "/labels/{label}")
_V2_CHOICES = ("", "/versions/{version}")
_ERROR: Schema = {
    "type": "object",
    "properties": {"error": {"type": "string"}},
    "required": ["error"],
}
_MLFLOW_ERROR: Schema = {
    "type": "object",
    "properties": {"error_code": {"type": "string"}, "message": {"type": "string"}},
    "required": ["error_code", "message"],
}
_PARAMETERS = {
    "model": "A model's name.",
    "version": "A version in memory.",
    "label": "champion or challenger.",
}


def dialect_paths(live: LoadedModel) -> Schema:
    """The paths, with an example for `live`, the first of the models."""
    document = live.document
    row = {name: value for name, value in document.example.items() if value is not None}
    return {**_tfserving(row), **_v2(document, row), **_mlflow(row)}


def _tfserving(row: Schema) -> Schema:
    paths: Schema = {}
    for choice in _TF_CHOICES:
        path = "/v1/models/{model}" + choice
        paths[f"{path}:predict"] = _post(
            f"{path}:predict",
            "Predictions, as TensorFlow Serving gives them.",
            TFSERVING,
            {"instances": [row]},
            _ERROR,
        )
        paths[f"{path}/metadata"] = _get(
            f"{path}/metadata", "The signature, as TensorFlow Serving gives it.", _ERROR
        )
        if choice:
            paths[path] = _get(path, "The state of one version in memory.", _ERROR)
    return paths


def _v2(document: PackageDocument, row: Schema) -> Schema:
    inputs = [_tensor(item, row[item.name]) for item in document.inputs if item.name in row]
    paths: Schema = {
        "/v2": _get("/v2", "The server, by the Open Inference Protocol.", _ERROR),
        "/v2/health/live": _get("/v2/health/live", "The process answers.", _ERROR),
        "/v2/health/ready": _get("/v2/health/ready", "Every configured model serves.", _ERROR),
    }
    for choice in _V2_CHOICES:
        path = "/v2/models/{model}" + choice
        paths[path] = _get(path, "The tensors of a model.", _ERROR)
        paths[f"{path}/ready"] = _get(f"{path}/ready", "The model serves.", _ERROR)
        paths[f"{path}/infer"] = _post(
            f"{path}/infer",
            "Predictions, by the Open Inference Protocol.",
            V2,
            {"inputs": inputs},
            _ERROR,
        )
    return paths


def _tensor(item: Input, value: Any) -> Schema:
    """One row of an input as a tensor."""
    datatype = INPUT_DATATYPES[item.dtype]
    return {"name": item.name, "shape": [1, *item.shape], "datatype": datatype, "data": [value]}


def _mlflow(row: Schema) -> Schema:
    split = {"columns": list(row), "data": [list(row.values())]}
    ask = _post(
        "/invocations",
        "Predictions of the first model, as MLflow's scoring server gives them.",
        INVOCATIONS,
        {"dataframe_split": split},
        _MLFLOW_ERROR,
    )
    ask["post"]["requestBody"]["content"]["text/csv"] = {"schema": {"type": "string"}}
    ping = _get("/ping", "The first model serves.", _MLFLOW_ERROR)
    version = _get("/version", "The version of this service.", _MLFLOW_ERROR)
    text = {"text/plain": {"schema": {"type": "string"}}}
    for answer in (ping["get"]["responses"], version["get"]["responses"]):
        answer["200"]["content"] = text
    return {"/invocations": ask, "/ping": ping, "/version": version}


def _get(path: str, summary: str, error: Schema) -> Schema:
    answer = {"description": "The answer.", "content": {"application/json": {"schema": _OBJECT}}}
    refused = {
        code: {"description": text, "content": {"application/json": {"schema": error}}}
        for code, text in (
            ("404", "No such model, version or label in memory."),
            ("503", "No usable model; see Retry-After."),
        )
    }
    return _with_parameters(
        path, {"get": {"summary": summary, "responses": {"200": answer, **refused}}}
    )


def _post(path: str, summary: str, body: Schema, example: Schema, error: Schema) -> Schema:
    answer = {"description": "Predictions.", "content": {"application/json": {"schema": _OBJECT}}}
    refused = {
        code: {"description": text, "content": {"application/json": {"schema": error}}}
        for code, text in (
            ("400", "The body cannot be parsed, or breaks the signature or a limit."),
            ("404", "No such model, version or label in memory."),
            ("413", "The body is too large."),
            ("415", "The media type is not taken, or the body is compressed."),
            ("500", "The model or the service failed."),
            ("503", "Full, or no usable model; see Retry-After."),
            ("504", "The deadline passed; the work was not done."),
        )
    }
    content = {"application/json": {"schema": body, "example": example}}
    operation = {
        "summary": summary,
        "requestBody": {"required": True, "content": content},
        "responses": {"200": answer, **refused},
    }
    return _with_parameters(path, {"post": operation})


def _with_parameters(path: str, item: Schema) -> Schema:
    names = re.findall(r"{(\w+)}", path)
    if not names:
        return item
    text = {"type": "string"}
    parameters = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _PARAMETERS[name],
            "schema": text,
        }
        for name in names
    ]
    return {**item, "parameters": parameters}
