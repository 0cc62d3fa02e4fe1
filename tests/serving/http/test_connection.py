"""A connection by itself, on a real loop and a real socket, before the real application."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import orjson
import pytest

from support.transport import Answer, Endpoint, answer_of, ask_endpoint
from support.wire import head_of
from support.worker import HOME, JSON
from vigie.serving.admission import FREE_PIECES
from vigie.serving.app import create_app
from vigie.serving.dispatch import FLASK_THREADS
from vigie.serving.http.connection import MOST_BEHIND_BYTES, Connection
from vigie.serving.runtime.messages import Request, RequestContext
from vigie.serving.worker_state import WorkerState
from vigie.serving.wsgi import MOST_WAITING

GET = head_of("GET", "/livez")
VARIES = ("date", "server-timing")


@pytest.fixture
def endpoint(worker_state: WorkerState) -> Endpoint:
    return Endpoint(worker_state, create_app(worker_state=worker_state))


@contextlib.asynccontextmanager
async def listening(endpoint: Endpoint) -> AsyncIterator[int]:
    """The port on which a worker takes connections."""
    loop = asyncio.get_running_loop()
    made = await loop.create_server(
        lambda: Connection(endpoint.dispatcher, endpoint.connections), "127.0.0.1", 0
    )
    try:
        yield made.sockets[0].getsockname()[1]
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
        [asking({"instances": [HOME] * 200})], [head_of("GET", "/docs")],
    ],
    ids=[
        "whole", "half the second", "half", "garbage", "none",
        "predictions", "half the second prediction", "refused", "large", "a page",
    ],
)  # fmt: skip
def test_a_connection_leaves_nothing_to_collect(endpoint: Endpoint, requests: list[bytes]) -> None:
    async def left_by_many() -> int:
        async with listening(endpoint) as port:
            await ask_over(port, *requests)
            gc.collect()
            gc.disable()
            try:
                for _ in range(20):
                    await ask_over(port, *requests)
                while endpoint.connections.number:
                    await asyncio.sleep(0.01)
                gc.set_debug(gc.DEBUG_SAVEALL)
                gc.collect()
                return sum(
                    isinstance(one, Connection | Request | RequestContext) for one in gc.garbage
                )
            finally:
                gc.set_debug(0)
                gc.garbage.clear()
                gc.enable()

    assert asyncio.run(asyncio.wait_for(left_by_many(), 20)) == 0


def test_a_worker_that_drains_closes_idle_connections_within_a_second(
    endpoint: Endpoint,
) -> None:
    async def left_in_peace() -> list[int]:
        async with listening(endpoint) as port:
            now = [0.0]
            connections = endpoint.connections
            connections.now = lambda: now[0]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(GET)
            assert (await read_answer(reader)).status == 200
            found = []
            connections.drain()
            for later in (0.0, 0.99, 0.01):
                now[0] += later
                connections.sweep()
                found.append(connections.number)
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
def test_a_prediction_is_answered_as_without_a_socket(endpoint: Endpoint, body: object) -> None:
    async def both() -> tuple[Answer, Answer]:
        request = asking(body, "X-Request-Id: mine")
        said = request.partition(b"\r\n\r\n")[2]
        async with listening(endpoint) as port:
            (here,) = await ask_over(port, request)
        headers = {"content-type": JSON, "x-request-id": "mine"}
        return here, await ask_endpoint(endpoint, "POST", "/predict/housing", headers, said)

    here, there = asyncio.run(asyncio.wait_for(both(), 20))
    here_without = {name: value for name, value in here.headers.items() if name != "connection"}
    assert told(Answer(here.status, here_without, here.body)) == told(there)
    assert "date" in here.headers


@pytest.mark.parametrize("at_once", [False, True], ids=["in turn", "at once"])
def test_predictions_over_one_connection_keep_their_order(
    endpoint: Endpoint, at_once: bool
) -> None:
    names = [f"call-{number}" for number in range(8)]
    requests = [asking(HOME, f"X-Request-Id: {name}") for name in names]

    async def answers() -> Sequence[Answer]:
        async with listening(endpoint) as port:
            return await ask_over(port, *requests, at_once=at_once)

    said = asyncio.run(asyncio.wait_for(answers(), 20))
    assert [answer.json()["request_id"] for answer in said] == names
    assert all(answer.headers.get("connection") is None for answer in said)


def test_a_caller_who_wants_no_more_is_let_go(endpoint: Endpoint) -> None:
    async def last_words() -> tuple[Answer, bytes]:
        async with listening(endpoint) as port:
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


def test_a_body_is_asked_for_where_the_caller_waits_to_send_it(endpoint: Endpoint) -> None:
    async def words() -> tuple[bytes, Answer]:
        async with listening(endpoint) as port:
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
    endpoint: Endpoint, path: str
) -> None:
    async def words(size: int) -> Answer:
        async with listening(endpoint) as port:
            (answer,) = await ask_over(port, in_small_chunks(path, size))
            return answer

    taken = asyncio.run(asyncio.wait_for(words(FREE_PIECES), 20))
    assert taken.status in (200, 422)
    above = asyncio.run(asyncio.wait_for(words(FREE_PIECES + 1), 20))
    assert (above.status, above.headers["connection"]) == (413, "close")
    assert "chunks of less than 64 bytes" in above.json()["detail"]
    assert "Content-Length" in above.json()["detail"]


@pytest.mark.parametrize("request_", [asking(HOME), GET], ids=["prediction", "health"])
def test_a_worker_that_stops_tells_callers_to_leave(endpoint: Endpoint, request_: bytes) -> None:
    async def words() -> list[Answer]:
        async with listening(endpoint) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request_)
            first = await read_answer(reader)
            endpoint.connections.drain()
            writer.write(request_)
            second = await read_answer(reader)
            assert await reader.read() == b""
            writer.close()
            return [first, second]

    first, second = asyncio.run(asyncio.wait_for(words(), 20))
    assert first.headers.get("connection") is None
    assert (second.status, second.headers["connection"].lower()) == (200, "close")


# --- heads


async def say(endpoint: Endpoint, *data: bytes) -> Answer:
    """The first answer to bytes that come one after another."""
    wire = endpoint.connect()
    for piece in data:
        wire.send(piece)
    return await asyncio.wait_for(wire.heard(), 20)


def test_a_request_of_http_1_1_names_its_host(endpoint: Endpoint) -> None:
    answer = asyncio.run(say(endpoint, b"GET /livez HTTP/1.1\r\n\r\n"))
    assert (answer.status, answer.headers["connection"]) == (400, "close")
    assert answer.json()["detail"] == "The request names no Host."


def test_a_request_of_http_1_0_needs_none_and_is_the_last(endpoint: Endpoint) -> None:
    answer = asyncio.run(say(endpoint, b"GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"))
    assert (answer.status, answer.headers["connection"]) == (200, "close")


def test_an_absolute_address_is_one_of_a_path(endpoint: Endpoint) -> None:
    head = b"GET http://localhost/livez?a=b HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert asyncio.run(say(endpoint, head)).json() == {"status": "alive"}
    elsewhere = b"GET ftp://localhost/livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert asyncio.run(say(endpoint, elsewhere)).status == 400


@pytest.mark.parametrize("step", [1, 7, 50])
def test_a_head_may_come_in_any_pieces(endpoint: Endpoint, step: int) -> None:
    whole = asking(HOME)
    pieces = [whole[start : start + step] for start in range(0, len(whole), step)]
    assert asyncio.run(say(endpoint, *pieces)).status == 200


def test_a_head_has_a_bound_in_all(endpoint: Endpoint) -> None:
    lines = [b"X-%d: %b\r\n" % (number, b"a" * 8000) for number in range(5)]
    answer = asyncio.run(
        say(endpoint, b"GET / HTTP/1.1\r\nHost: localhost\r\n", *lines[:4], lines[4])
    )
    assert answer.status == 431


# --- bodies that are waited for


def test_who_waits_to_send_a_body_is_refused_before(worker_state: WorkerState) -> None:
    endpoint = Endpoint(worker_state, create_app(worker_state=worker_state))
    given = ("Expect: 100-continue", "Content-Length: 100")
    head = head_of("POST", "/predict/housing", f"Content-Type: {JSON}", *given)
    worker_state.pipeline.admission._most_in_flight = -1
    answer = asyncio.run(say(endpoint, head))
    assert (answer.status, answer.headers["connection"]) == (503, "close")


# --- requests behind one another


class Held:
    """A WSGI application that answers when it is told to."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        assert self.go_on.wait(60)
        start_response("200 OK", [])
        return [environ["PATH_INFO"].encode()]


def test_too_much_behind_a_request_is_sent_again(worker_state: WorkerState) -> None:
    app = Held()
    endpoint = Endpoint(worker_state, app)

    async def answers(behind: bytes) -> tuple[Answer, bytes]:
        wire = endpoint.connect()
        app.go_on.clear()
        wire.send(head_of("GET", "/first"))
        for start in range(0, len(behind), 30_000):
            wire.send(behind[start : start + 30_000])
        app.go_on.set()
        first = await wire.heard()
        if first.headers.get("connection") != "close":
            while wire.said.count(b"/livez") + wire.said.count(b"alive") == 0:
                await asyncio.sleep(0)
        return first, bytes(wire.said)

    first, said = asyncio.run(asyncio.wait_for(answers(GET), 20))
    assert first.headers.get("connection") is None
    assert said.count(b"HTTP/1.1 200") == 2
    many = GET * (MOST_BEHIND_BYTES // len(GET) + 1)
    first, said = asyncio.run(asyncio.wait_for(answers(many), 20))
    assert (first.body, first.headers["connection"]) == (b"/first", "close")
    assert said.count(b"HTTP/1.1 ") == 1


def test_who_takes_no_answers_and_asks_on_is_let_go(endpoint: Endpoint) -> None:
    async def said(number: int) -> tuple[int, bool]:
        wire = endpoint.connect()
        wire.connection.pause_writing()
        assert not wire.reads
        for _ in range(number):
            wire.send(GET)
        assert wire.said == b""
        wire.connection.resume_writing()
        return bytes(wire.said).count(b"HTTP/1.1 200"), wire.is_closing()

    assert asyncio.run(said(3)) == (3, False)
    assert asyncio.run(said(MOST_BEHIND_BYTES // len(GET) + 1)) == (0, True)


def test_many_requests_at_once_are_answered_in_a_loop(endpoint: Endpoint) -> None:
    async def said() -> bytes:
        wire = endpoint.connect()
        wire.send(GET * 1500)
        return bytes(wire.said)

    assert asyncio.run(said()).count(b"HTTP/1.1 200") == 1500


def test_who_closes_half_of_a_connection_gets_an_answer_that_comes(endpoint: Endpoint) -> None:
    async def said() -> Answer:
        wire = endpoint.connect()
        wire.send(asking(HOME))
        wire.leave()
        return await wire.heard()

    answer = asyncio.run(asyncio.wait_for(said(), 20))
    assert (answer.status, answer.headers["connection"]) == (200, "close")


# --- what waits for Flask


def test_an_answer_that_is_late_is_nobodys(worker_state: WorkerState) -> None:
    settings = worker_state.settings.model_copy(update={"request_timeout_ms": 50})
    app = Held()
    endpoint = Endpoint(replace(worker_state, settings=settings), app)

    async def said() -> tuple[list[int], bytes]:
        wire = endpoint.connect()
        found = []
        for path in ("/page", "/feedback"):
            wire.said.clear()
            wire.send(head_of("POST" if path == "/feedback" else "GET", path, "Content-Length: 0"))
            found.append((await wire.heard()).status)
        wire.said.clear()
        app.go_on.set()
        wire.send(GET)
        return found, (await wire.heard()).body

    found, body = asyncio.run(asyncio.wait_for(said(), 20))
    assert found == [504, 503]
    assert body == b'{"status":"alive"}'


def test_more_than_may_wait_for_flask_are_told_to_come_back(worker_state: WorkerState) -> None:
    app = Held()
    endpoint = Endpoint(worker_state, app)

    async def statuses() -> list[int]:
        wires = [endpoint.connect() for _ in range(MOST_WAITING + FLASK_THREADS + 1)]
        for wire in wires[:FLASK_THREADS]:
            wire.send(head_of("GET", "/page"))
        while endpoint.dispatcher._flask._jobs.qsize():
            await asyncio.sleep(0.001)
        for wire in wires[FLASK_THREADS:]:
            wire.send(head_of("GET", "/page"))
        refused = await wires[-1].heard()
        assert refused.headers["retry-after"] == "1"
        health = endpoint.connect()
        health.send(GET)
        app.go_on.set()
        answers = [await wire.heard() for wire in (health, *wires)]
        return [answer.status for answer in answers]

    found = asyncio.run(asyncio.wait_for(statuses(), 60))
    assert found == [200] * (MOST_WAITING + FLASK_THREADS + 1) + [503]
