"""The files of a form, and what may stand beside them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask, Request, request
from werkzeug.exceptions import RequestEntityTooLarge

from vigie.serving.web.upload import FormRequest

MEBIBYTE = 2**20
FORM = "multipart/form-data; boundary=b"
PHOTO = b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n'


@pytest.fixture
def app() -> Flask:
    app = Flask(__name__)
    app.request_class = FormRequest
    app.config["MAX_FORM_MEMORY_SIZE"] = 8 * MEBIBYTE
    return app


@contextmanager
def form(app: Flask, body: bytes, media_type: str = FORM) -> Iterator[Request]:
    with app.test_request_context("/", method="POST", data=body, content_type=media_type):
        yield request


def test_a_file_may_be_large(app: Flask) -> None:
    body = PHOTO + b"\r\n" + bytes(MEBIBYTE) + b"\r\n--b--\r\n"
    with form(app, body) as found:
        assert len(found.files["photo"].read()) == MEBIBYTE


@pytest.mark.parametrize(
    "start",
    [
        PHOTO + b"X: y\r\n" * 100_000,
        b"\r\n" * 500_000 + PHOTO,
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n'
        + bytes(MEBIBYTE)
        + b"\r\n"
        + PHOTO,
    ],
    ids=["headers", "lines before", "value"],
)
def test_what_stands_beside_files_is_small(app: Flask, start: bytes) -> None:
    with form(app, start + b"\r\nx\r\n--b--\r\n") as found, pytest.raises(RequestEntityTooLarge):
        found.files.get("photo")


def test_values_of_a_form_without_files_may_be_as_large_as_its_body(app: Flask) -> None:
    values = b"a=" + b"x" * MEBIBYTE
    with form(app, values, "application/x-www-form-urlencoded") as found:
        assert len(found.form["a"]) == MEBIBYTE
