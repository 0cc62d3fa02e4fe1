"""The bodies of the other dialects in OpenAPI: their form, whatever the model takes in it."""

from __future__ import annotations

from typing import Any

from vigie.serving.dialects.invocations import FORMATS
from vigie.serving.dialects.tfserving import SIGNATURE
from vigie.serving.dialects.v2 import MOST_DIMENSIONS, MOST_ID_CHARACTERS
from vigie.serving.dialects.v2_tensors import DTYPES

Schema = dict[str, Any]

_ROWS: Schema = {"type": "array", "minItems": 1}
_COLUMNS: Schema = {"type": ["object", "array"], "minItems": 1, "minProperties": 1}
_PARAMETERS: Schema = {"type": ["object", "null"]}
_LISTS: Schema = {"type": "array", "items": {"type": "array"}, "minItems": 1}

TFSERVING: Schema = {
    "type": "object",
    "description": "`instances` by row or `inputs` by column, as the model takes them.",
    "properties": {
        "signature_name": {"enum": [SIGNATURE, "", None]},
        "instances": _ROWS,
        "inputs": _COLUMNS,
    },
    "oneOf": [{"required": ["instances"]}, {"required": ["inputs"]}],
}

V2: Schema = {
    "type": "object",
    "description": "One tensor per input; what they take depends on the model.",
    "properties": {
        "id": {"type": ["string", "null"], "maxLength": MOST_ID_CHARACTERS},
        "parameters": _PARAMETERS,
        "inputs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "shape": {
                        "type": "array",
                        "items": {"type": "integer", "minimum": 0, "exclusiveMaximum": 2**31},
                        "minItems": 1,
                        "maxItems": MOST_DIMENSIONS,
                    },
                    "datatype": {"enum": [*DTYPES, "BYTES"]},
                    "data": {"type": "array"},
                    "parameters": _PARAMETERS,
                },
                "required": ["name", "shape", "datatype"],
            },
        },
        "outputs": {
            "type": ["array", "null"],
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "parameters": _PARAMETERS},
                "required": ["name"],
            },
        },
    },
    "required": ["inputs"],
}

INVOCATIONS: Schema = {
    "type": "object",
    "description": "A table or tensors for the first model.",
    "properties": {
        "dataframe_split": {
            "type": "object",
            "properties": {
                "columns": {"type": "array", "items": {"type": "string"}},
                "data": _LISTS,
            },
            "required": ["columns", "data"],
        },
        "dataframe_records": {**_ROWS, "items": {"type": "object"}},
        "instances": _ROWS,
        "inputs": _COLUMNS,
    },
    "oneOf": [{"required": [name]} for name in FORMATS],
}
