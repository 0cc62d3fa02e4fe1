"""Slow callers, idle ones and too many of them, at a real worker with short deadlines."""

from __future__ import annotations

import socket
import time

import orjson
import pytest

from support.constants import changed
from support.service import LiveService, MakeService, value_of
from support.waiting import wait_until
from support.wire import answer_in, connect, drip, exchange, head_of, read_to_end
from support.worker import FLOWER, HOME, JSON

DEADLINE = 0.5
SOON = 2.0
SETTLED = 1.0
"""After so long a sweep has seen what a connection does now, and it counts as fresh no more."""
BODY = orjson.dumps(HOME)
GOOD = head_of(
    "POST", "/predict/housing", f"Content-Type: {JSON}", f"Content-Length: {len(BODY)}"
) + BODY  # fmt: skip
SHORT = {
    "VIGIE_WORKERS": "1",
    "VIGIE_HEADER_TIMEOUT_SECONDS": str(DEADLINE),
    "VIGIE_BODY_TIMEOUT_SECONDS": str(DEADLINE),
    "VIGIE_WRITE_TIMEOUT_SECONDS": str(DEADLINE),
    "VIGIE_KEEPALIVE_SECONDS": "1",
}
EIGHT = changed({"vigie.serving.ports.MOST_CONNECTIONS": 8})


@pytest.fixture
def service(make_service: MakeService) -> LiveService:
    return started(make_service)


def started(make_service: MakeService, **environment: str) -> LiveService:
    service = make_service(**{**SHORT, **environment})
    service.start()
    service.wait_ready()
    return service


def dropped(service: LiveService, reason: str) -> float:
    return value_of(service.samples(), "vigie_connections_dropped_total", reason=reason)


def ask(caller: socket.socket) -> int:
    """The status of a good request on a connection that stays open."""
    caller.sendall(GOOD)
    return answer_in(caller.recv(65536)).status


def check_too_slow(said: bytes) -> None:
    answer = answer_in(said)
    assert answer.status == 408
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["connection"] == "close"
    problem = answer.json()
    assert problem["type"] == "/docs/errors/too-slow"
    assert problem["request_id"] == answer.headers["x-request-id"]


HALVES = {"header": GOOD[:40], "body": GOOD[:-10]}


@pytest.mark.parametrize("reason", HALVES)
def test_half_a_request_is_not_waited_for(service: LiveService, reason: str) -> None:
    began = time.monotonic()
    with connect(service.port) as caller:
        caller.sendall(HALVES[reason])
        check_too_slow(read_to_end(caller))
        assert DEADLINE <= time.monotonic() - began <= SOON
    wait_until(lambda: dropped(service, reason) == 1)
    assert service.predict("housing", HOME).status == 200


@pytest.mark.parametrize(("reason", "quick"), [("header", 0), ("body", len(GOOD) - len(BODY))])
def test_a_drip_is_no_progress(service: LiveService, reason: str, quick: int) -> None:
    with connect(service.port) as caller:
        caller.sendall(GOOD[:quick])
        began = time.monotonic()
        check_too_slow(drip(caller, GOOD[quick:]))
        assert time.monotonic() - began <= SOON
    wait_until(lambda: dropped(service, reason) == 1)


def test_a_second_request_has_its_own_deadline(make_service: MakeService) -> None:
    service = started(make_service, VIGIE_KEEPALIVE_SECONDS="60")
    with connect(service.port) as caller:
        for _ in range(4):
            assert ask(caller) == 200
            time.sleep(0.3)
        caller.sendall(GOOD[:40])
        check_too_slow(read_to_end(caller))


def test_a_slow_body_that_comes_is_taken(make_service: MakeService) -> None:
    # a busy machine may stop both sides for a while, and that is no pause of the caller's
    service = started(make_service, VIGIE_BODY_TIMEOUT_SECONDS="3")
    body = BODY.ljust(11 * 65536)
    with connect(service.port) as caller:
        caller.sendall(head_of("POST", "/predict/housing", f"Content-Length: {len(body)}"))
        for start in range(0, len(body), 65536):
            caller.sendall(body[start : start + 65536])
            time.sleep(0.3)
        assert answer_in(caller.recv(65536)).status == 200
    assert dropped(service, "body") == 0


def test_who_says_nothing_is_told_nothing(service: LiveService) -> None:
    with connect(service.port) as silent, connect(service.port) as idle:
        assert ask(idle) == 200
        assert read_to_end(silent) == b""
        assert read_to_end(idle) == b""
    wait_until(lambda: (dropped(service, "header"), dropped(service, "idle")) == (1, 1))


def test_who_reads_nothing_is_left(service: LiveService) -> None:
    rows = orjson.dumps({"instances": [FLOWER] * 10_000})
    head = head_of("POST", "/predict/iris", f"Content-Length: {len(rows)}")
    with connect(service.port, 4096) as slow, connect(service.port) as quick:
        for caller in (slow, quick):
            caller.sendall(head + rows)
        said = quick.recv(65536)
        length = int(answer_in(said).headers["content-length"])
        assert length > 1_000_000
        while len(said) < length:
            said += quick.recv(65536)
        wait_until(lambda: dropped(service, "write") == 1)
        assert len(read_to_end(slow)) < length
    assert b"Traceback" not in service.log.read_bytes()


def test_idle_ones_make_room(make_service: MakeService) -> None:
    service = started(
        make_service, VIGIE_KEEPALIVE_SECONDS="60", VIGIE_HEADER_TIMEOUT_SECONDS="30", **EIGHT
    )  # fmt: skip
    wait_until(lambda: value_of(service.samples(), "vigie_connections") == 0)
    callers = [connect(service.port) for _ in range(8)]
    try:
        for caller in callers:
            assert ask(caller) == 200
        wait_until(lambda: value_of(service.samples(), "vigie_connections") == 8)
        time.sleep(SETTLED)
        assert service.predict("housing", HOME).status == 200
        assert [heard(caller) for caller in callers].count(b"") == 1
        wait_until(lambda: dropped(service, "full") == 1)
    finally:
        for caller in callers:
            caller.close()


def heard(caller: socket.socket) -> bytes | None:
    """What has come by now; `None` while the connection is open and silent."""
    caller.setblocking(False)
    try:
        return caller.recv(65536)
    except BlockingIOError:
        return None


def test_the_slowest_make_room(make_service: MakeService) -> None:
    service = started(make_service, VIGIE_HEADER_TIMEOUT_SECONDS="30", **EIGHT)
    callers = [connect(service.port) for _ in range(8)]
    try:
        for caller in callers:
            caller.sendall(GOOD[:40])
        wait_until(lambda: value_of(service.samples(), "vigie_connections") == 8)
        time.sleep(SETTLED)
        assert service.predict("housing", HOME).status == 200
        said = [one for one in map(heard, callers) if one is not None]
        assert [answer_in(one).status for one in said] == [503]
    finally:
        for caller in callers:
            caller.close()


def test_without_room_callers_are_told_to_come_back(make_service: MakeService) -> None:
    service = started(make_service, **EIGHT)
    callers = [connect(service.port) for _ in range(9)]
    try:
        callers[-1].sendall(GOOD)
        answer = answer_in(read_to_end(callers[-1]))
        assert answer.status == 503
        assert answer.headers["retry-after"] == "1"
        assert answer.json()["type"] == "/docs/errors/unavailable"
        callers[0].sendall(GOOD)
        assert answer_in(callers[0].recv(65536)).status == 200
    finally:
        for caller in callers:
            caller.close()
    assert service.predict("housing", HOME).status == 200


def test_idle_callers_do_not_hold_up_a_stop(make_service: MakeService) -> None:
    # a stop that they held up would never end
    service = started(
        make_service, VIGIE_KEEPALIVE_SECONDS="600", VIGIE_GRACEFUL_TIMEOUT_SECONDS="600"
    )
    with connect(service.port) as caller:
        assert ask(caller) == 200
        assert service.stop() == 0


def test_nothing_tells_what_serves(service: LiveService) -> None:
    for path in ("/livez", "/", "/nothing", "/predict/housing"):
        assert "server" not in service.get(path).headers
    said = exchange(service.port, b"NONSENSE\r\n\r\n").lower()
    assert said.startswith(b"http/1.1 400")
    assert b"gunicorn" not in said
    assert b"nonsense" not in said


def test_an_answer_reaches_who_is_still_sending(service: LiveService) -> None:
    """To close on bytes that nobody read would take the answer back."""
    large = b" " * (9 * 2**20)
    assert service.ask("POST", "/predict/housing", large, {"Content-Type": JSON}).status == 413
    with connect(service.port) as caller:
        caller.sendall(b"NONSENSE\r\n\r\n")
        caller.recv(1, socket.MSG_PEEK)
        caller.sendall(b"more of it")
        assert answer_in(read_to_end(caller, 5)).status == 400


def test_an_answer_ends_a_connection_that_is_old(make_service: MakeService) -> None:
    service = started(make_service, VIGIE_CONNECTION_SECONDS="2")
    began, answers = time.monotonic(), 0
    with connect(service.port) as caller:
        ends = False
        while not ends:
            caller.sendall(GOOD)
            answer = answer_in(caller.recv(65536))
            assert answer.status == 200
            ends, answers = answer.headers.get("connection") == "close", answers + 1
        # a quarter less or more
        assert time.monotonic() - began >= 1.5
        assert answers > 1
        assert caller.recv(1) == b""
    with connect(service.port) as caller:
        assert ask(caller) == ask(caller) == 200
