"""The keys of callers in OpenAPI: which there are, and which routes ask for one."""

from __future__ import annotations

from typing import Any

from vigie.serving.auth.access import OPEN_ROUTES

Schema = dict[str, Any]

_SCHEMES: Schema = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key of `vigie apikey add`."},
    "header": {"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "The same."},
}


def with_keys(document: Schema) -> Schema:
    """The document of a service that asks for keys."""
    paths = {path: _asking(path, item) for path, item in document["paths"].items()}
    components = {**document["components"], "securitySchemes": _SCHEMES}
    security: list[Schema] = [{name: []} for name in _SCHEMES]
    return {**document, "paths": paths, "components": components, "security": security}


def _asking(path: str, item: Schema) -> Schema:
    return {
        name: part if name == "parameters" else _with_refusal(path, part)
        for name, part in item.items()
    }


def _with_refusal(path: str, operation: Schema) -> Schema:
    if path in OPEN_ROUTES:
        return {**operation, "security": []}
    responses = operation["responses"]
    refused = {
        "description": "No key that is taken was sent.",
        "headers": {"WWW-Authenticate": {"schema": {"type": "string", "const": "Bearer"}}},
        "content": _content(responses),
    }
    return {**operation, "responses": {**responses, "401": refused}}


def _content(responses: Schema) -> Schema:
    """The form of the route's other refusals; the service's own where it documents none."""
    for status, response in responses.items():
        if status[0] == "4":
            content: Schema = response["content"]
            return content
    return {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
