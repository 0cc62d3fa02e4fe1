"""A worker's transport without a socket: what is sent goes in as bytes, what is said comes out."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from vigie.serving.dispatch import Dispatcher
from vigie.serving.http.connection import Connection
from vigie.serving.http.connections import Connections
from vigie.serving.responses import CONTINUE
from vigie.serving.worker_state import WorkerState
from vigie.serving.wsgi import WsgiApp

CALLER = ("127.0.0.1", 50000)


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


class Endpoint:
    """What a worker's connections share."""

    def __init__(self, worker_state: WorkerState, app: WsgiApp) -> None:
        self.worker_state = worker_state
        self.app = app
        self.dispatcher = Dispatcher(worker_state, app)
        self.connections = Connections(worker_state.settings, worker_state.metrics, time.monotonic)

    def connect(self, client: tuple[str, int] = CALLER) -> Wire:
        """A connection of a caller."""
        return Wire(Connection(self.dispatcher, self.connections), client)


class Wire(asyncio.Transport):
    """Both ends of a connection: what the service says is kept."""

    def __init__(self, connection: Connection, client: tuple[str, int]) -> None:
        super().__init__({"peername": client, "sockname": ("127.0.0.1", 80)})
        self.said = bytearray()
        self.reads = True
        self.read = 0
        """The parts of the body that were sent before there was an answer."""
        self.connection = connection
        self._heard = asyncio.Event()
        self._closing = False
        connection.connection_made(self)

    def write(self, data: Any) -> None:
        self.said += data
        self._heard.set()

    def get_write_buffer_size(self) -> int:
        return 0

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self._closing = True

    def is_closing(self) -> bool:
        return self._closing

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def close(self) -> None:
        self._closing = True
        self._heard.set()

    def send(self, data: bytes) -> None:
        """Bytes on their way to the service."""
        self.connection.data_received(data)

    def leave(self) -> None:
        """The caller hangs up."""
        if not self.connection.eof_received():
            self.end()

    def end(self) -> None:
        """The connection is gone."""
        self._closing = True
        self.connection.connection_lost(None)

    async def heard(self) -> Answer:
        """The first answer, or what is there of one when the connection ends."""
        while not self._is_whole() and not self._closing:
            self._heard.clear()
            await self._heard.wait()
        return self.answer

    def _is_whole(self) -> bool:
        said = bytes(self.said).removeprefix(CONTINUE)
        return b"\r\n\r\n" in said

    @property
    def answer(self) -> Answer:
        said = bytes(self.said).removeprefix(CONTINUE)
        head, _, rest = said.partition(b"\r\n\r\n")
        status, *lines = head.split(b"\r\n")
        pairs = [tuple(line.split(b": ", 1)) for line in lines]
        answer = answer_of(int(status.split()[1]), pairs, rest)  # type: ignore[arg-type]
        length = int(answer.headers["content-length"])
        return Answer(answer.status, answer.headers, rest[:length])


async def send_parts(
    endpoint: Endpoint,
    method: str,
    target: str,
    headers: Mapping[str, str],
    parts: Sequence[bytes],
    *,
    gone: bool = False,
    client: tuple[str, int] = CALLER,
) -> Wire:
    """What passes over the wire for a request whose body comes in parts.

    They go out one by one, in chunks where no length is declared, until there is an answer. With
    `gone` the caller leaves behind the last one, and says so nowhere.
    """
    wire = endpoint.connect(client)
    given = {name.lower(): value for name, value in headers.items()}
    chunked = "content-length" not in given and any(parts)
    if chunked:
        given["transfer-encoding"] = "chunked"
    wire.send(_head(method, target, given))
    for part in parts:
        if part and wire.reads and not wire.said:
            wire.send(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
            wire.read += 1
            await asyncio.sleep(0)
    if gone:
        wire.leave()
        return wire
    if chunked and wire.reads and not wire.said:
        wire.send(b"0\r\n\r\n")
    await wire.heard()
    return wire


def _head(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"{name}: {value}" for name, value in {"host": "localhost", **headers}.items()]
    text = "\r\n".join([f"{method} {target} HTTP/1.1", *lines])
    return text.encode("latin-1") + b"\r\n\r\n"


async def ask_endpoint(
    endpoint: Endpoint, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
) -> Answer:
    """The answer to one request, without a socket."""
    given = {"content-length": str(len(body)), **headers}
    wire = await send_parts(endpoint, method, target, given, [body])
    with contextlib.suppress(RuntimeError):
        wire.end()
    return wire.answer


AskEndpoint = Callable[..., Answer]
"""`ask_endpoint` for tests that are not coroutines."""
