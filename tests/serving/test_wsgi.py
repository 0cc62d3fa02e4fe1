"""What Flask gets of a request that has come as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from support.transport import Endpoint, send_parts
from support.worker import JSON
from vigie.serving.app import create_app
from vigie.serving.runtime.messages import Request
from vigie.serving.worker_state import WorkerState
from vigie.serving.wsgi import call_wsgi, environ_of


@pytest.mark.parametrize("coding", ["chunked", "Chunked"])
def test_a_body_that_came_in_chunks_has_a_length(coding: str) -> None:
    seen: list[dict[str, Any]] = []

    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        seen.append(environ)
        start("200 OK", [])
        return [environ["wsgi.input"].read()]

    headers = {b"transfer-encoding": coding.encode()}
    request = Request("POST", "/feedback", headers, b"whole", target=b"/feedback")
    response = call_wsgi(app, environ_of(request, ("127.0.0.1", 50000), ("localhost", 80)))
    assert response.body == b"whole"
    (environ,) = seen
    assert environ["CONTENT_LENGTH"] == "5"
    assert "HTTP_TRANSFER_ENCODING" not in environ


def test_flask_reads_a_body_that_came_in_chunks(shared_worker_state: WorkerState) -> None:
    endpoint = Endpoint(shared_worker_state, create_app(worker_state=shared_worker_state))
    parts = b'{"request_id": "unknown", "ro', b'w": "first", "actual": 1}'
    wire = asyncio.run(send_parts(endpoint, "POST", "/feedback", {"content-type": JSON}, parts))
    errors = wire.answer.json()["errors"]
    assert [error["pointer"] for error in errors] == ["/row"]
