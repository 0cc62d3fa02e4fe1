"""What Flask gets of a request that has come as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from support.asgi import Wire, body_messages, http_scope
from support.worker import JSON
from vigie.serving.app import create_app
from vigie.serving.http.asgi import AsgiApplication
from vigie.serving.http.wsgi import call_wsgi
from vigie.serving.runtime.messages import Request
from vigie.serving.worker_state import WorkerState

CHUNKED = {"content-type": JSON, "transfer-encoding": "chunked"}


@pytest.mark.parametrize("coding", ["chunked", "Chunked"])
def test_a_body_that_came_in_chunks_has_a_length(coding: str) -> None:
    seen: list[dict[str, Any]] = []

    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        seen.append(environ)
        start("200 OK", [])
        return [environ["wsgi.input"].read()]

    headers = {b"transfer-encoding": coding.encode()}
    request = Request("POST", "/feedback", headers, b"whole")
    response = call_wsgi(app, request, http_scope("POST", "/feedback", {}))
    assert response.body == b"whole"
    (environ,) = seen
    assert environ["CONTENT_LENGTH"] == "5"
    assert "HTTP_TRANSFER_ENCODING" not in environ


def test_flask_reads_a_body_that_came_in_chunks(shared_worker_state: WorkerState) -> None:
    asgi = AsgiApplication(shared_worker_state, create_app(worker_state=shared_worker_state))
    wire = Wire(body_messages(b'{"request_id": "unknown", "ro', b'w": "first", "actual": 1}'))
    asyncio.run(asgi(http_scope("POST", "/feedback", CHUNKED), wire.receive, wire.send))
    errors = wire.answer.json()["errors"]
    assert [error["pointer"] for error in errors] == ["/row"]
