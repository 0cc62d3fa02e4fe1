"""Requests out of bytes, as they come: in pieces, behind each other, too large, or broken."""

from __future__ import annotations

import gc
import weakref

import pytest

from support.wire import head_of
from vigie.errors import AddressTooLong, HeadersTooLarge, MalformedRequest, VigieError
from vigie.serving.http.parser import MOST_FED_BYTES, MOST_HEAD_BYTES, Parser

NEXT = head_of("GET", "/next")
CHUNKED = head_of("POST", "/predict", "Transfer-Encoding: chunked")
UPGRADE = ("Connection: Upgrade", "Upgrade: h2c")


def parsed(data: bytes, size: int = MOST_FED_BYTES) -> Parser:
    parser = Parser()
    for at in range(0, len(data), size):
        parser.feed(data[at : at + size])
    return parser


def taken(data: bytes, size: int) -> tuple[bytes, VigieError | None]:
    """The first body in pieces of this size, each taken as soon as it is there, and the refusal."""
    parser, body = Parser(), b""
    for at in range(0, len(data), size):
        parser.feed(data[at : at + size])
        for message in parser.messages:
            body += b"".join(message.pieces)
            message.pieces.clear()
        if parser.refusal is not None:
            break
    return body, parser.refusal


def bodies(parser: Parser) -> list[tuple[bytes, bytes]]:
    assert all(message.whole for message in parser.messages)
    return [(one.request.target, b"".join(one.pieces)) for one in parser.messages]


@pytest.mark.parametrize("size", [1, 7, MOST_FED_BYTES])
def test_requests_come_one_after_another(size: int) -> None:
    body = b"x" * 100
    sent = head_of("POST", "/predict", "Content-Length: 100") + body + NEXT
    parser = parsed(sent + CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", size)
    assert bodies(parser) == [(b"/predict", body), (b"/next", b""), (b"/predict", b"hello")]
    assert parser.refusal is None
    assert not parser.begun


def test_what_comes_before_a_broken_request_is_there() -> None:
    parser = parsed(NEXT + b"BROKEN\r\n\r\n")
    assert bodies(parser) == [(b"/next", b"")]
    assert isinstance(parser.refusal, MalformedRequest)


def test_a_large_body_comes_at_once() -> None:
    body = b"x" * 65536
    parser = Parser()
    parser.feed(head_of("POST", "/predict", f"Content-Length: {2 * len(body)}"))
    parser.feed(body)
    parser.feed(body)
    assert bodies(parser) == [(b"/predict", 2 * body)]
    assert parser.refusal is None


def test_a_request_has_begun_with_its_first_byte() -> None:
    parser = Parser()
    begun = []
    for part in (NEXT + b"\r\n", b"G", NEXT[1:-1], NEXT[-1:]):
        parser.feed(part)
        begun.append(parser.begun)
    assert begun == [False, True, True, False]


@pytest.mark.parametrize("size", [1, MOST_FED_BYTES])
@pytest.mark.parametrize(
    ("framing", "body"),
    [
        (f"Content-Length: {len(NEXT)}", NEXT),
        ("Transfer-Encoding: chunked", b"%x\r\n%b\r\n0\r\n\r\n" % (len(NEXT), NEXT)),
    ],
    ids=["length", "chunks"],
)
def test_an_upgrade_does_not_make_a_request_of_its_body(
    framing: str, body: bytes, size: int
) -> None:
    sent = head_of("POST", "/predict", *UPGRADE, framing) + body
    assert bodies(parsed(2 * sent + NEXT, size)) == [
        (b"/predict", NEXT), (b"/predict", NEXT), (b"/next", b""),
    ]  # fmt: skip


def test_as_many_upgrades_as_fit_are_read() -> None:
    shortest = b"GET / HTTP/1.1\r\nHost:\r\nConnection:upgrade\r\nUpgrade:a\r\n\r\n"
    parser = parsed(shortest * (MOST_FED_BYTES // len(shortest)))
    assert len(parser.messages) == MOST_FED_BYTES // len(shortest)
    assert parser.refusal is None


@pytest.mark.parametrize(
    ("sent", "refusal"),
    [
        (head_of("GET", "/" + "a" * 4094), AddressTooLong),
        (b"GET /" + b"a" * 5000, AddressTooLong),
        (head_of("GET", "/", "X: " + "a" * 8190), HeadersTooLarge),
        (head_of("GET", "/", *["X: a"] * 101), HeadersTooLarge),
        (head_of("GET", "/", *["X: " + "a" * 4000] * 10), HeadersTooLarge),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * (MOST_HEAD_BYTES + MOST_FED_BYTES), HeadersTooLarge),
        (b"GET / HTTP/1.1\r\n" + b"a" * (MOST_HEAD_BYTES + MOST_FED_BYTES), HeadersTooLarge),
        (b"\r\n" * MOST_HEAD_BYTES, HeadersTooLarge),
        (CHUNKED + b"5;" + b"a" * (MOST_HEAD_BYTES + MOST_FED_BYTES), HeadersTooLarge),
        (CHUNKED + (b"1;" + b"a" * 1000 + b"\r\nx\r\n") * 100, HeadersTooLarge),
        (CHUNKED + b"0\r\n" + b"X: a\r\n" * 101, HeadersTooLarge),
        (CHUNKED + b"0\r\nX: " + b"a" * 8190 + b"\r\n\r\n", HeadersTooLarge),
        (CHUNKED + b"0\r\nX: " + b"a" * (MOST_HEAD_BYTES + MOST_FED_BYTES), HeadersTooLarge),
        (CHUNKED + b"0\r\nAuthorization: a\r\n\r\n", MalformedRequest),
        (b"BREW / HTTP/1.1\r\n", MalformedRequest),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
@pytest.mark.parametrize("size", [1, MOST_FED_BYTES])
def test_what_is_too_large_or_broken_is_refused(
    sent: bytes, refusal: type[VigieError], size: int
) -> None:
    assert type(taken(sent, size)[1]) is refusal


@pytest.mark.parametrize("size", [1, 2, 3, MOST_FED_BYTES])
def test_a_body_in_tiny_chunks_is_taken(size: int) -> None:
    assert taken(CHUNKED + b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n", size) == (b"x" * 20_000, None)


def test_white_space_around_a_value_is_no_part_of_it() -> None:
    (message,) = parsed(head_of("GET", "/", "X-Spaces: \t a  b \t ", "X-Empty: \t ")).messages
    assert message.request.headers[b"x-spaces"] == b"a  b"
    assert message.request.headers[b"x-empty"] == b""


def test_a_trailer_is_no_field_of_any_request() -> None:
    parser = parsed(CHUNKED + b"0\r\nX-Sum: 5\r\n\r\n" + NEXT)
    assert [b"x-sum" in message.request.headers for message in parser.messages] == [False, False]


def test_nothing_holds_a_closed_parser() -> None:
    gc.disable()
    try:
        parser = parsed(NEXT + head_of("GET", "/#a"))
        assert parser.refusal is not None
        parser.close()
        gone = weakref.ref(parser)
        del parser
        assert gone() is None
    finally:
        gc.enable()
