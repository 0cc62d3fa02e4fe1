"""An input of every kind that a document can describe."""

from __future__ import annotations

from typing import Any

from vigie.models.model_input import Input


def an_input(**changes: Any) -> Input:
    plain = {"name": "x", "label": "x", "dtype": "float32", "tensor": "float32", "example": 1}
    return Input.model_validate({**plain, **changes})


NUMBER = an_input()
INTEGER = an_input(dtype="int64")
COUNT = an_input(dtype="int64", tensor="int64")
FLAG = an_input(dtype="int64", limits=[0, 1])
TEXT = an_input(dtype="string", tensor="string")
VECTOR = an_input(shape=[3], limits=[0, 10])
MATRIX = an_input(shape=[2, 2])
WORDS = an_input(dtype="string", tensor="string", shape=[2])
WHOLE_VECTOR = an_input(dtype="int64", shape=[2])
CODE = an_input(dtype="int64", tensor="string", choices={"values": ["1", "2"]})
OPEN_CODE = an_input(
    dtype="int64",
    tensor="string",
    choices={"values": ["1", "2"], "policy": "open"},
    required=False,
    missing={"fill": ""},
)
GAPPY = an_input(
    required=False, missing={"fill": -1.5, "indicator": "x__missing"}, limits=[0, 10], range=[1, 9]
)
EVERY_KIND = [
    item.model_copy(update={"name": f"x{index}"})
    for index, item in enumerate(
        [NUMBER, INTEGER, COUNT, FLAG, TEXT, VECTOR, MATRIX, WORDS, WHOLE_VECTOR, CODE, OPEN_CODE]
    )
] + [GAPPY]
