"""The parser agrees with gunicorn's in every byte, and takes plain heads by itself."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
from gunicorn.asgi.parser import CallbackRequest, PythonProtocol

from vigie.serving.http.parser import LONGEST_PLAIN_HEAD, Parser

PLAIN = (
    b"POST /predict/housing HTTP/1.1\r\nHost: localhost:5000\r\nContent-Type: application/json\r\n"
    b"Content-Length: 12\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n"
    b'{"rooms": 3}'
)
HEADS = [
    PLAIN,
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET /livez?a=b%20c HTTP/1.1\r\nHost: a\r\nX-Empty:\r\nX-Spaces: \t a  b \t \r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"POST /a HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /a HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n",
    b"POST /a HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
    b"POST /a HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}",
    b"PUT /a HTTP/1.1\r\nConnection: close\r\nContent-Length: +2\r\n\r\n{}",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET http://a/b HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nName_: \xe9\r\n\r\n",
    b"\r\nGET /b HTTP/1.1\r\n folded\r\nA : b\r\n\r\nGET /c HTTP/1.1\r\n\r\n",
]
PIECES = [
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b"\x7f", b"\xff", b"HTTP/1.0", b"HTTP/2", b"*",
    b"content-length: 1\r\n", b"Transfer-Encoding: chunked\r\n", b"a:" + b"b" * 5000 + b"\r\n",
    b"x:y\r\n" * 101, b"%", b"?", b"#", b"\"", b"get", b"/" * 9000, b"\r\n\r\n",
]  # fmt: skip


def result(kind: type[PythonProtocol], parts: list[bytes]) -> list[Any]:
    """All that comes of feeding such bytes in such parts: what is called with what, what fails."""
    seen: list[Any] = []
    parser: Any

    def on_headers() -> bool:
        request = CallbackRequest.from_parser(parser)
        seen.append((request.method, request.uri, request.version, request.headers_bytes))
        seen.append((parser.content_length, parser.is_chunked, parser.should_keep_alive))
        return False

    parser = kind(
        on_headers_complete=on_headers,
        on_body=seen.append,
        on_message_complete=lambda: seen.append("end"),
        limit_request_fields=100,
    )
    try:
        for part in parts:
            parser.feed(part)
            seen.append(parser.remaining())
    except Exception as failure:
        seen.append((type(failure), str(failure)))
        return seen
    return [*seen, parser._state, bytes(parser._buffer), parser.is_complete]


def mutated(head: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randrange(4)):
        at, piece = chance.randrange(len(head) + 1), chance.choice(PIECES)
        over = chance.choice((0, 0, 1, 3))
        head = head[:at] + piece + head[at + over :]
    return head


def parts_of(data: bytes, chance: random.Random) -> list[bytes]:
    cuts = sorted(chance.sample(range(1, len(data)), chance.randrange(3))) if len(data) > 4 else []
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@pytest.mark.parametrize("seed", range(12))
def test_it_agrees_with_gunicorns(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(1500):
        parts = parts_of(mutated(chance.choice(HEADS), chance), chance)
        assert result(Parser, parts) == result(PythonProtocol, parts), parts


def test_a_plain_head_needs_no_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    def second_look(self: PythonProtocol) -> bool:
        raise AssertionError

    monkeypatch.setattr(PythonProtocol, "_parse_request_line", second_look)
    assert result(Parser, [PLAIN])[-3] == "complete"


@pytest.mark.parametrize(
    "filler",
    [b"a:" + b" " * 2000 + b"\1", b"a:" + b"\t " * 1000 + b"b\n", b"a" * 2000, b"a:b\r\n" * 500],
    ids=["spaces", "mixed", "name", "fields"],
)
def test_no_head_takes_long(filler: bytes) -> None:
    head = b"POST /" + b"x" * 1000 + b" HTTP/1.1\r\n" + filler + b"\r\n\r\n"
    assert len(head) <= LONGEST_PLAIN_HEAD
    parser = Parser(limit_request_fields=100)
    parser._buffer.extend(head)
    started = time.process_time()
    for _ in range(200):
        parser._take_plain_head()
    # a hundredth of that in fact; a pattern that goes back over a run of spaces takes longer
    assert time.process_time() - started < 0.5
