"""What no client of ours would send, byte for byte, to a real worker."""

from __future__ import annotations

import random
import re
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import psutil
import pytest

from support.memory import tell
from support.mutations import SEEDS, mutate
from support.service import LiveService, value_of
from support.waiting import wait_until
from support.wire import answer_in, connect, exchange, head_of, read_to_end
from support.worker import HOME, JSON, filled_cache

LIMIT = 8 * 2**20
AT_ONCE_SECONDS, TRIES = 0.1, 5
MUTATIONS = 300
BODY = orjson.dumps(HOME)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    """One worker, which must outlive all that these tests send."""
    folder = tmp_path_factory.mktemp("hostile")
    cache = filled_cache(folder / "cache")
    service = LiveService(folder, cache.folder, VIGIE_WORKERS="1")
    service.start()
    service.wait_ready()
    workers = service.workers
    yield service
    assert service.workers == workers
    assert b"Traceback" not in service.log.read_bytes()
    assert service.stop() == 0
    service.clean_up()


@pytest.fixture(autouse=True)
def _serves_on(service: LiveService) -> Iterator[None]:
    yield
    assert service.predict("housing", HOME).status == 200


def predict_head(*headers: str) -> bytes:
    return head_of("POST", "/predict/housing", f"Content-Type: {JSON}", *headers)


def check_plain_refusal(said: bytes, *statuses: int) -> None:
    """A problem document that says nothing of what came or of what serves."""
    answer = answer_in(said)
    assert answer.status in statuses, said[:300]
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status
    assert problem["request_id"] == answer.headers["x-request-id"]
    for leak in (b"gunicorn", b"Traceback", b"EVIL", b".py"):
        assert leak not in said


CHUNKED = predict_head("Transfer-Encoding: chunked")
GARBAGE: dict[str, bytes] = {
    "no words": b"EVIL\r\n\r\n",
    "no version": b"GET /EVIL\r\n\r\n",
    "another version": b"GET / HTTP/9.EVIL\r\n\r\n",
    "a method in small letters": b"evil / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a NUL in the path": b"GET /\x00EVIL HTTP/1.1\r\nHost: x\r\n\r\n",
    "a NUL in a header": b"GET / HTTP/1.1\r\nHost: x\r\nEVIL: a\x00b\r\n\r\n",
    "lines that end in LF": b"GET / HTTP/1.1\nHost: x\n\n",
    "a length and chunks": predict_head("Content-Length: 5", "Transfer-Encoding: chunked")
    + b"0\r\n\r\n",
    "two lengths": predict_head("Content-Length: 5", "Content-Length: 6") + b"12345",
    "the same length twice": predict_head("Content-Length: 5", "Content-Length: 5") + b"12345",
    "a negative length": predict_head("Content-Length: -1"),
    "a length with a sign": predict_head("Content-Length: +5") + b"12345",
    "a length in words": predict_head("Content-Length: EVIL"),
    "a length of 5000 digits": predict_head("Content-Length: " + "9" * 5000),
    "two hosts": b"GET / HTTP/1.1\r\nHost: x\r\nHost: EVIL\r\n\r\n",
    "a folded header": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n EVIL\r\n\r\n",
    "a space before the colon": b"GET / HTTP/1.1\r\nHost : EVIL\r\n\r\n",
    "chunks twice": predict_head("Transfer-Encoding: chunked, chunked") + b"0\r\n\r\n",
    "an unknown coding": predict_head("Transfer-Encoding: EVIL") + b"0\r\n\r\n",
    "a chunk of no size": CHUNKED + b"EVIL\r\nx\r\n0\r\n\r\n",
    "a chunk longer than it says": CHUNKED + b"3\r\nEVIL\r\n0\r\n\r\n",
    "a negative chunk": CHUNKED + b"-3\r\nabc\r\n0\r\n\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a web socket of no version": head_of("GET", "/", "Upgrade: websocket", "Connection: Upgrade"),
    "a web socket of no key": head_of(
        "GET", "/", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"
    ),
    "TLS": bytes.fromhex("160301020001fc0303") + bytes(range(256)),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_is_refused(service: LiveService, name: str) -> None:
    check_plain_refusal(exchange(service.port, GARBAGE[name]), 400)


def test_a_body_in_70_000_chunks_is_too_large(service: LiveService) -> None:
    chunks = CHUNKED + b"1\r\n \r\n" * 70_000 + b"0\r\n\r\n"
    check_plain_refusal(exchange(service.port, chunks), 413)


def test_a_web_socket_is_turned_away(service: LiveService) -> None:
    asked = head_of(
        "GET", "/", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )  # fmt: skip
    check_plain_refusal(exchange(service.port, asked), 400)


def test_refused_garbage_is_counted(service: LiveService) -> None:
    def counted() -> float:
        return value_of(service.samples(), "vigie_http_requests_total", route="(none)", code="400")

    wait_until(lambda: counted() > 0 or exchange(service.port, GARBAGE["no words"]) == b"")
    before = counted()
    exchange(service.port, GARBAGE["no words"])
    wait_until(lambda: counted() > before)


@pytest.mark.parametrize(
    "data",
    [
        CHUNKED + b"5\r\nab",
        predict_head("Content-Length: 50") + b"{",
        predict_head("Content-Length: 50")[:-4],
        b"",
    ],
    ids=["in a chunk", "in the body", "in the headers", "before"],
)
def test_who_leaves_early_is_let_go(service: LiveService, data: bytes) -> None:
    assert exchange(service.port, data) == b""


def test_a_request_behind_another_is_a_request_of_its_own(service: LiveService) -> None:
    smuggled = b"GET /EVIL HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    said = exchange(service.port, predict_head(f"Content-Length: {len(BODY)}") + BODY + smuggled)
    assert said.count(b"HTTP/1.1 ") == 2
    assert said.startswith(b"HTTP/1.1 200 OK")
    assert b"HTTP/1.1 404 Not Found" in said


def test_mutations_of_good_requests_break_nothing(service: LiveService) -> None:
    random_source = random.Random(20261121)
    for number in range(MUTATIONS):
        data = mutate(SEEDS[number % len(SEEDS)], random_source)
        said = exchange(service.port, data, 0.05)
        assert not said or said.startswith(b"HTTP/1."), data
        assert not re.search(rb"HTTP/1.. 5", said), data


# --- limits


def is_at_once(ask: Callable[[], float]) -> bool:
    """Whether one of some tries took next to no time.

    Whatever waits for something does so each time; a busy machine only now and then.
    """
    return any(ask() < AT_ONCE_SECONDS for _ in range(TRIES))


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (predict_head(f"Content-Length: {LIMIT + 1}"), 413),
        (predict_head("Content-Length: 10000000000"), 413),
        (predict_head("Content-Length: 10000000000", "Expect: 100-continue"), 413),
        (head_of("GET", "/" + "a" * 8192), 414),
        (head_of("GET", "/", *[f"X-{n}: a" for n in range(200)]), 431),
        (head_of("GET", "/", "X-Long: " + "a" * 65536), 431),
    ],
    ids=["limit + 1", "10 GB", "10 GB, expected", "8 kB of address", "200 headers", "64 kB header"],
)
def test_what_is_too_large_is_refused_at_once(
    service: LiveService, data: bytes, status: int
) -> None:
    def ask() -> float:
        with connect(service.port) as caller:
            began = time.perf_counter()
            caller.sendall(data)
            said = caller.recv(65536)
            took = time.perf_counter() - began
            caller.shutdown(socket.SHUT_WR)
            check_plain_refusal(said + read_to_end(caller), status)
        return took

    assert is_at_once(ask)


def test_chunks_past_the_limit_are_refused_at_the_limit(service: LiveService) -> None:
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"

    def ask() -> float:
        with connect(service.port) as caller:
            caller.sendall(CHUNKED + chunk * (LIMIT // 65536))
            began = time.perf_counter()
            caller.sendall(chunk)
            check_plain_refusal(caller.recv(65536), 413)
            return time.perf_counter() - began

    assert is_at_once(ask)


def test_a_body_of_the_limit_is_taken(service: LiveService) -> None:
    headers = {"Content-Type": JSON}
    assert service.ask("POST", "/predict/housing", BODY.ljust(LIMIT), headers).status == 200


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, identity"])
def test_compressed_bodies_are_not_unpacked(service: LiveService, coding: str) -> None:
    bomb = zlib.compress(bytes(5 * 2**20), 9)
    worker = service.workers[0]
    before = worker.memory_info().rss
    for path in ("/predict/housing", "/v1/models/housing:predict", "/v2/models/housing/infer",
                 "/invocations"):  # fmt: skip

        def ask(path: str = path) -> float:
            headers = {"Content-Type": JSON, "Content-Encoding": coding}
            began = time.perf_counter()
            assert service.ask("POST", path, bomb, headers).status == 415
            return time.perf_counter() - began

        assert is_at_once(ask)
    assert worker.memory_info().rss - before < 2**20


# --- names

NAMES = [
    "../x", "..%2fx", "%2e%2e/x", "%252e%252e%252fx", "..%5cx", "....//x", "%00", "housing%00",
    "housing%20", "%20housing", "housing.", "Housing", "h%EF%BD%8Fusing", "hou%D1%95ing",
    "h" * 4000, "%ff%fe", "~", "-", "*", "housing;x", "champion", "housing%0d%0aX-Evil:%201",
]  # fmt: skip
PLACES = [
    ("POST", "/predict/{}"), ("GET", "/models/{}"), ("GET", "/v1/models/{}"),
    ("POST", "/v1/models/{}:predict"), ("POST", "/v1/models/housing/versions/{}:predict"),
    ("POST", "/v1/models/housing/labels/no{}:predict"), ("GET", "/v2/models/{}"),
    ("POST", "/v2/models/{}/infer"), ("POST", "/v2/models/housing/versions/{}/infer"),
    ("GET", "/static/{}"), ("GET", "/docs/errors/{}"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "place"), PLACES)
def test_hostile_names_are_not_found(service: LiveService, method: str, place: str) -> None:
    for name in NAMES:
        head = head_of(
            method, place.format(name), f"Content-Type: {JSON}", f"Content-Length: {len(BODY)}",
            "Connection: close",
        )  # fmt: skip
        said = exchange(service.port, head + BODY)
        answer = answer_in(said)
        assert answer.status in (404, 405), (name, said[:200])
        assert "x-evil" not in answer.headers
        for leak in ("/tmp", "Traceback", "champion/", "manifest"):
            assert leak not in answer.body.decode()


def test_hostile_names_open_nothing(service: LiveService, tmp_path: Path) -> None:
    worker: psutil.Process = service.workers[0]
    before = {file.path for file in worker.open_files()}
    for name in NAMES:
        exchange(service.port, head_of("GET", f"/v1/models/{name}", "Connection: close"))
    assert {file.path for file in worker.open_files()} <= before


def test_memory_stays_where_it_was(service: LiveService) -> None:
    def send_all() -> int:
        for data in GARBAGE.values():
            exchange(service.port, data)
        return int(service.workers[0].memory_info().rss)

    send_all()
    before = send_all()
    for _ in range(3):
        after = send_all()
    tell(f"{3 * len(GARBAGE)} refusals: {(after - before) / 1024:+.0f} KiB")
    assert after - before <= 2**20
