"""One answer, whatever the transport; and the ASGI application asked without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

import orjson

from vigie.serving.http.asgi import AsgiApplication


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, headers by lower-case name, a body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return orjson.loads(self.body)


def answer_of(status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> Answer:
    """An answer from headers as bytes."""
    texts = {name.decode().lower(): value.decode("latin-1") for name, value in headers}
    return Answer(status, texts, body)


def http_scope(
    method: str, target: str, headers: Mapping[str, str], host: tuple[str, int] = ("localhost", 80)
) -> dict[str, Any]:
    """The ASGI scope that gunicorn makes of such a request."""
    raw_path, _, query = target.encode().partition(b"?")
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote_to_bytes(raw_path).decode("utf-8", "replace"),
        "raw_path": raw_path,
        "query_string": query,
        "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in headers.items()],
        "server": host,
        "client": ("127.0.0.1", 50000),
    }


class Wire:
    """Both ends of one ASGI request: hands out messages, counts them, keeps what is sent."""

    def __init__(self, messages: Sequence[dict[str, Any]]) -> None:
        self.sent: list[dict[str, Any]] = []
        self.read = 0
        self._messages = messages

    async def receive(self) -> dict[str, Any]:
        self.read += 1
        if self.read > len(self._messages):
            # a caller who has sent the whole body waits; one who sent half of it has gone
            if self._messages and not self._messages[-1].get("more_body"):
                await asyncio.Event().wait()
            return {"type": "http.disconnect"}
        return self._messages[self.read - 1]

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    @property
    def answer(self) -> Answer:
        start, end = self.sent
        return answer_of(start["status"], start["headers"], end["body"])


def body_messages(*parts: bytes) -> list[dict[str, Any]]:
    """The parts of a body as ASGI messages."""
    last = len(parts) - 1
    return [
        {"type": "http.request", "body": part, "more_body": index < last}
        for index, part in enumerate(parts)
    ]


async def ask_asgi(
    asgi: AsgiApplication, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
) -> Answer:
    """The ASGI application's answer to one request, without a socket."""
    wire = Wire(body_messages(body))
    headers = {"host": "localhost", "content-length": str(len(body)), **headers}
    await asgi(http_scope(method, target, headers), wire.receive, wire.send)
    return wire.answer


AskAsgi = Callable[..., Answer]
"""`ask_asgi` for tests that are not coroutines."""
