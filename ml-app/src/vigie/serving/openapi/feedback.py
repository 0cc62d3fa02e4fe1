"""The OpenAPI description of feedback."""

from __future__ import annotations

from typing import Any

from vigie.models.document import FLOAT32_MAX
from vigie.predictionlog.entry import TRUTH_LABEL

EXAMPLE = {"request_id": "4bf92f3577b34da6a3ce929d0e0e4736", "row": 0, "actual": 247300}
"""A truth about the price of a home."""
_PROBLEMS = {
    "400": "The body is not JSON.",
    "404": "No prediction log is kept.",
    "409": "Another truth is known; the others are stored.",
    "413": "The body is too large.",
    "415": "The media type is not taken.",
    "422": "A truth is wrong; nothing is stored.",
    "503": "The database is away.",
}


def feedback_path() -> dict[str, Any]:
    """`POST /feedback`."""
    truth = {
        "type": "object",
        "properties": {
            "request_id": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"},
            "row": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1, "default": 0},
            "actual": {
                "oneOf": [
                    {"type": "number", "minimum": -FLOAT32_MAX, "maximum": FLOAT32_MAX},
                    {"type": "string", "pattern": TRUTH_LABEL},
                ]
            },
        },
        "required": ["request_id", "actual"],
        "additionalProperties": False,
    }
    counts = {
        "type": "object",
        "properties": {"stored": {"type": "integer"}, "duplicate": {"type": "integer"}},
        "required": ["stored", "duplicate"],
    }
    schema = {"oneOf": [truth, {"type": "array", "items": truth, "minItems": 1}]}
    problem = {"$ref": "#/components/schemas/Problem"}
    return {
        "post": {
            "summary": "What turned out to be true about predictions.",
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": schema, "example": EXAMPLE}},
            },
            "responses": {
                "200": {
                    "description": "How many were new.",
                    "content": {"application/json": {"schema": counts}},
                },
                **{
                    status: {
                        "description": text,
                        "content": {"application/problem+json": {"schema": problem}},
                    }
                    for status, text in _PROBLEMS.items()
                },
            },
        }
    }
