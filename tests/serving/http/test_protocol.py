"""A connection by itself, on a real loop and a real socket, before the real application."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from gunicorn.config import Config

from support.asgi import Answer, answer_of, ask_asgi
from support.wire import head_of
from support.worker import HOME, JSON
from vigie.serving.app import create_app
from vigie.serving.http.asgi import AsgiApplication
from vigie.serving.http.connections import Connections
from vigie.serving.http.protocol import FREE_PIECES, Connection
from vigie.serving.metrics import Metrics
from vigie.serving.worker_state import WorkerState

GRACE_SECONDS = 1
GET = head_of("GET", "/livez")
VARIES = ("date", "server-timing")


@pytest.fixture
def asgi(worker_state: WorkerState) -> AsgiApplication:
    return AsgiApplication(worker_state, create_app(worker_state=worker_state))


def worker_of(asgi: AsgiApplication) -> Any:
    """What a connection needs of a worker."""
    loop = asyncio.get_running_loop()
    log = logging.getLogger("gunicorn.error")
    log.access_log_enabled = False  # type: ignore[attr-defined]
    config = Config()
    config.set("asgi_disconnect_grace_period", GRACE_SECONDS)
    worker_state = asgi.worker_state
    return SimpleNamespace(
        cfg=config, log=log, asgi=asgi, nr_conns=0, nr=0, alive=True, max_requests=10**9,
        connections=Connections(worker_state.settings, worker_state.metrics, loop.time), loop=loop,
    )  # fmt: skip


@contextlib.asynccontextmanager
async def listening(asgi: AsgiApplication) -> AsyncIterator[tuple[Any, int]]:
    """A worker and the port on which it takes connections."""
    worker = worker_of(asgi)
    made = await worker.loop.create_server(lambda: Connection(worker), "127.0.0.1", 0)
    try:
        yield worker, made.sockets[0].getsockname()[1]
    finally:
        made.close()


def asking(body: object, *headers: str) -> bytes:
    """A request for a prediction as it goes over the wire."""
    said = body if isinstance(body, bytes) else orjson.dumps(body)
    length = f"Content-Length: {len(said)}"
    return head_of("POST", "/predict/housing", f"Content-Type: {JSON}", length, *headers) + said


async def ask_over(port: int, *requests: bytes, at_once: bool = False) -> list[Answer]:
    """The answers over one connection; the last request may be half of one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = []
    if at_once:
        writer.write(b"".join(requests))
    for request in requests:
        if not at_once:
            writer.write(request)
        if b"\r\n\r\n" in request:
            answers.append(await read_answer(reader))
    writer.close()
    await writer.wait_closed()
    return answers


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """The next answer; fails where its length is not that of its body."""
    status_line, *lines = (await reader.readuntil(b"\r\n\r\n")).rstrip().split(b"\r\n")
    headers = [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]
    lengths = [value for name, value in headers if name.lower() == b"content-length"]
    body = await reader.readexactly(int(lengths[0])) if lengths else b""
    return answer_of(int(status_line.split()[1]), headers, body)


@pytest.mark.parametrize(
    "requests",
    [
        [GET, GET], [GET, GET[:9]], [GET[:9]], [b"NONSENSE\r\n\r\n"], [],
        [asking(HOME), asking(HOME)], [asking(HOME), asking(HOME)[:90]], [asking(b"{")],
    ],
    ids=[
        "whole", "half the second", "half", "garbage", "none",
        "predictions", "half the second prediction", "refused",
    ],
)  # fmt: skip
def test_a_connection_leaves_nothing_to_collect(
    asgi: AsgiApplication, requests: list[bytes]
) -> None:
    async def left_by_many() -> int:
        async with listening(asgi) as (worker, port):
            await ask_over(port, *requests)
            gc.collect()
            gc.disable()
            try:
                for _ in range(20):
                    await ask_over(port, *requests)
                while worker.nr_conns:
                    await asyncio.sleep(0.01)
                # gunicorn's grace holds each for that long
                await asyncio.sleep(GRACE_SECONDS + 0.1)
                gc.set_debug(gc.DEBUG_SAVEALL)
                gc.collect()
                return sum(isinstance(one, Connection) for one in gc.garbage)
            finally:
                gc.set_debug(0)
                gc.garbage.clear()
                gc.enable()

    assert asyncio.run(asyncio.wait_for(left_by_many(), 20)) == 0


def test_a_worker_that_drains_closes_idle_connections_within_a_second(
    asgi: AsgiApplication,
) -> None:
    async def left_in_peace() -> list[int]:
        async with listening(asgi) as (worker, port):
            now = [worker.loop.time()]
            connections = Connections(asgi.worker_state.settings, Metrics(), lambda: now[0])
            worker.connections = connections
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(GET)
            assert (await read_answer(reader)).status == 200
            found = []
            connections.drain()
            for later in (0.0, 0.99, 0.01):
                now[0] += later
                connections.sweep()
                found.append(len(connections._open))
            assert await reader.read() == b""
            writer.close()
            return found

    assert asyncio.run(asyncio.wait_for(left_in_peace(), 20)) == [1, 1, 0]


def told(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    """What two answers to the same call share."""
    headers = {name: value for name, value in answer.headers.items() if name not in VARIES}
    return answer.status, headers, answer.body


@pytest.mark.parametrize(
    "body", [HOME, {"instances": [HOME] * 3}, {**HOME, "rooms": "two"}, b"{", b"x" * 3_000_000],
    ids=["one", "three", "wrong", "broken", "too large"],
)  # fmt: skip
def test_a_prediction_is_answered_as_by_any_asgi_server(
    asgi: AsgiApplication, body: object
) -> None:
    async def both() -> tuple[Answer, Answer]:
        request = asking(body, "X-Request-Id: mine")
        said = request.partition(b"\r\n\r\n")[2]
        async with listening(asgi) as (_, port):
            (here,) = await ask_over(port, request)
        headers = {"content-type": JSON, "x-request-id": "mine"}
        return here, await ask_asgi(asgi, "POST", "/predict/housing", headers, said)

    here, there = asyncio.run(asyncio.wait_for(both(), 20))
    here_without = {name: value for name, value in here.headers.items() if name != "connection"}
    assert told(Answer(here.status, here_without, here.body)) == told(there)
    assert "date" in here.headers


@pytest.mark.parametrize("at_once", [False, True], ids=["in turn", "at once"])
def test_predictions_over_one_connection_keep_their_order(
    asgi: AsgiApplication, at_once: bool
) -> None:
    names = [f"call-{number}" for number in range(8)]
    requests = [asking(HOME, f"X-Request-Id: {name}") for name in names]

    async def answers() -> Sequence[Answer]:
        async with listening(asgi) as (_, port):
            return await ask_over(port, *requests, at_once=at_once)

    said = asyncio.run(asyncio.wait_for(answers(), 20))
    assert [answer.json()["request_id"] for answer in said] == names
    assert all(answer.headers.get("connection") is None for answer in said)


def test_a_caller_who_wants_no_more_is_let_go(asgi: AsgiApplication) -> None:
    async def last_words() -> tuple[Answer, bytes]:
        async with listening(asgi) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(asking(HOME, "Connection: close"))
            answer = await read_answer(reader)
            rest = await reader.read()
            writer.close()
            return answer, rest

    answer, rest = asyncio.run(asyncio.wait_for(last_words(), 20))
    assert answer.status == 200
    assert answer.headers["connection"] == "close"
    assert rest == b""


def test_a_body_is_asked_for_where_the_caller_waits_to_send_it(asgi: AsgiApplication) -> None:
    async def words() -> tuple[bytes, Answer]:
        async with listening(asgi) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            head, _, body = asking(HOME, "Expect: 100-continue").partition(b"\r\n\r\n")
            writer.write(head + b"\r\n\r\n")
            first = await reader.readuntil(b"\r\n\r\n")
            writer.write(body)
            answer = await read_answer(reader)
            writer.close()
            return first, answer

    first, answer = asyncio.run(asyncio.wait_for(words(), 20))
    assert first.startswith(b"HTTP/1.1 100 ")
    assert answer.status == 200


def in_small_chunks(path: str, size: int) -> bytes:
    """A request whose body, good JSON and spaces, comes byte by byte."""
    body = orjson.dumps(HOME).ljust(size)
    coded = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    return head_of("POST", path, f"Content-Type: {JSON}", "Transfer-Encoding: chunked") + coded


@pytest.mark.parametrize("path", ["/predict/housing", "/feedback"])
def test_a_body_in_more_small_chunks_than_are_taken_is_told_so(
    asgi: AsgiApplication, path: str
) -> None:
    async def words(size: int) -> Answer:
        async with listening(asgi) as (_, port):
            (answer,) = await ask_over(port, in_small_chunks(path, size))
            return answer

    taken = asyncio.run(asyncio.wait_for(words(FREE_PIECES), 20))
    assert taken.status in (200, 422)
    above = asyncio.run(asyncio.wait_for(words(FREE_PIECES + 1), 20))
    assert (above.status, above.headers["connection"]) == (413, "close")
    assert "chunks of less than 64 bytes" in above.json()["detail"]
    assert "Content-Length" in above.json()["detail"]


@pytest.mark.parametrize("request_", [asking(HOME), GET], ids=["prediction", "health"])
def test_a_worker_that_stops_tells_callers_to_leave(asgi: AsgiApplication, request_: bytes) -> None:
    async def words() -> list[Answer]:
        async with listening(asgi) as (worker, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request_)
            first = await read_answer(reader)
            worker.connections.drain()
            writer.write(request_)
            second = await read_answer(reader)
            assert await reader.read() == b""
            writer.close()
            return [first, second]

    first, second = asyncio.run(asyncio.wait_for(words(), 20))
    assert first.headers.get("connection") is None
    assert (second.status, second.headers["connection"].lower()) == (200, "close")
