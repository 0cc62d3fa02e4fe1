"""What a service takes of a head, whoever has read it."""

from __future__ import annotations

import pytest

from vigie.errors import MalformedRequest
from vigie.serving.head import Fields, Message, without_upgrade

HOST = (b"host", b"a")


def message(
    target: bytes = b"/", *fields: tuple[bytes, bytes], method: str = "GET", version: str = "1.1"
) -> Message:
    return Message(method, target, version, [HOST, *fields], keeps_open=True)


@pytest.mark.parametrize(
    ("sent", "target", "path"),
    [
        (b"/a%20b?c=%20", b"/a%20b?c=%20", "/a b"),
        (b"//other/a", b"//other/a", "//other/a"),
        (b"http://other", b"/", "/"),
        (b"HTTP://other:80/a?b", b"/a?b", "/a"),
        (b"https://other?a/b", b"/?a/b", "/"),
        (b"http://other?a=http://b/c", b"/?a=http://b/c", "/"),
        (b"http://other/a?http://b/c", b"/a?http://b/c", "/a"),
    ],
)
def test_an_address_is_its_path_and_query(sent: bytes, target: bytes, path: str) -> None:
    request = message(sent).request
    assert (request.target, request.path) == (target, path)


@pytest.mark.parametrize(
    "target", [b"http:///a", b"http://?a", b"gopher://a/b", b"a:80", b"a", b"/#a", b"/\xe9", b"*"]
)
def test_what_is_no_address_is_refused(target: bytes) -> None:
    with pytest.raises(MalformedRequest):
        message(target)


def test_a_tunnel_is_refused() -> None:
    with pytest.raises(MalformedRequest):
        message(b"/", method="CONNECT")
    assert message(b"*", method="OPTIONS").request.target == b"*"


@pytest.mark.parametrize(
    "fields",
    [
        [HOST, HOST],
        [HOST, (b"transfer-encoding", b"gzip"), (b"transfer-encoding", b"chunked")],
        [HOST, (b"transfer-encoding", b"gzip, chunked")],
        [HOST, (b"upgrade", b"WebSocket")],
        [],
    ],
    ids=["two hosts", "two codings", "a list of codings", "a web socket", "no host"],
)
def test_fields_that_could_be_read_twice_are_refused(fields: Fields) -> None:
    with pytest.raises(MalformedRequest):
        Message("GET", b"/", "1.1", fields, keeps_open=True)


def test_http_1_0_ends_its_connection_and_knows_no_chunks() -> None:
    old = Message("GET", b"/", "1.0", [(b"expect", b"100-continue")], keeps_open=True)
    assert not old.keeps_open
    assert not old.waits
    with pytest.raises(MalformedRequest):
        message(b"/", (b"transfer-encoding", b"chunked"), version="1.0")
    with pytest.raises(MalformedRequest):
        message(b"/", version="0.9")


def test_a_body_is_announced_by_its_length() -> None:
    asks = message(b"/", (b"content-length", b"005"), (b"expect", b"100-Continue"))
    assert asks.length == 5
    assert asks.waits
    assert message().length == 0


def test_a_head_without_its_upgrade_is_the_same_otherwise() -> None:
    fields = [HOST, (b"upgrade", b"h2c"), (b"content-length", b"5")]
    assert without_upgrade(b"POST", b"/a", "1.1", fields) == (
        b"POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n"
    )
