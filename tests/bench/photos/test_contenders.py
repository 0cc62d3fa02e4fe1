"""Each server is sent the same photo, as its own guide has it, and its answer is read."""

from __future__ import annotations

import base64
from email import message_from_bytes
from typing import Any

import orjson
import pytest

from bench.photos.contenders import CONTENDERS, LABELS

PHOTO = b"\xff\xd8 a photo \r\n\xff\xd9"
SCORES = [0.5, 0.2, 0.3]
BY_NAME = {contender.name: contender for contender in CONTENDERS}


def sent(name: str) -> tuple[bytes, str]:
    body = BY_NAME[name].asks(PHOTO)
    return body.data, body.media_type


@pytest.mark.parametrize(("name", "field"), [("fastapi-onnx", "file"), ("bentoml", "images")])
def test_a_form_holds_the_file(name: str, field: str) -> None:
    data, media_type = sent(name)
    form = message_from_bytes(f"Content-Type: {media_type}\r\n\r\n".encode() + data)
    (part,) = (one for one in form.walk() if not one.is_multipart())
    assert part.get_content_type() == "image/jpeg"
    assert part.get_param("name", header="content-disposition") == field
    assert PHOTO in data


def test_the_file_itself_goes_to_vigie() -> None:
    assert sent("vigie") == (PHOTO, "image/jpeg")


@pytest.mark.parametrize(
    ("name", "path"), [("litserve", ["image_data"]), ("mlserver", ["inputs", 0, "data", 0])]
)
def test_json_holds_the_file_as_base64(name: str, path: list[Any]) -> None:
    data, media_type = sent(name)
    assert media_type == "application/json"
    found = orjson.loads(data)
    for step in path:
        found = found[step]
    assert base64.b64decode(found) == PHOTO


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        (
            "vigie",
            {"predictions": [{"scores": dict(sorted(zip(LABELS, SCORES, strict=True)))}]},
        ),
        ("fastapi-onnx", {"scores": SCORES}),
        ("litserve", {"scores": SCORES}),
        ("bentoml", [SCORES]),
        ("mlserver", {"outputs": [{"data": SCORES}]}),
    ],
)
def test_scores_are_read_in_the_order_of_the_labels(name: str, answer: Any) -> None:
    says = BY_NAME[name].says
    assert says is not None
    assert says(answer) == SCORES


def test_every_contender_is_read() -> None:
    assert list(BY_NAME) == ["vigie", "fastapi-onnx", "litserve", "bentoml", "mlserver"]
