"""The head of a request: what the parser found, made a `Request`, or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from gunicorn_h1c import H1CProtocol, LimitRequestHeaders, LimitRequestLine

from vigie.errors import AddressTooLong, HeadersTooLarge, MalformedRequest
from vigie.serving.runtime.messages import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from vigie.errors import VigieError

MOST_HEAD_BYTES = 32 * 1024
MOST_LINE_BYTES = 4094
MOST_FIELDS = 100
MOST_FIELD_BYTES = 8190


def new_parser(on_body: Callable[[bytes], None]) -> H1CProtocol:
    """A parser of one connection's requests, one after another; it names a method behind a head."""
    return H1CProtocol(
        on_body=on_body,
        limit_request_line=MOST_LINE_BYTES,
        limit_request_fields=MOST_FIELDS,
        limit_request_field_size=MOST_FIELD_BYTES,
        # what a connection keeps of it is bounded there
        limit_remaining=0,
    )


def request_of(parser: H1CProtocol) -> Request:
    """The request whose head was read, its body still empty; a refusal is a `VigieError`.

    RFC 9112 sections 3.2 (target and Host), 6.1 (transfer codings): the parser leaves these to us.
    """
    headers: dict[bytes, bytes] = dict(parser.asgi_headers)
    target: bytes = parser.path
    coding = headers.get(b"transfer-encoding")
    if coding is not None and coding.lower() != b"chunked":
        raise MalformedRequest(
            "Send the body as it is or chunked; no other transfer coding is known."
        )
    if b"host" not in headers and parser.http_version != (1, 0):
        raise MalformedRequest("The request names no Host.")
    if b"upgrade" in headers and headers[b"upgrade"].lower() == b"websocket":
        raise MalformedRequest("Web sockets are not served here.")
    method = parser.method.decode()
    if not target.isascii() or b"#" in target:
        raise broken()
    if target[:1] != b"/" and target != b"*":
        target = _origin_form(target)
    path = target.partition(b"?")[0] if b"?" in target else target
    if b"%" in path:
        path = unquote_to_bytes(path)
    return Request(method, path.decode("utf-8", "replace"), headers, b"", target=target)


def _origin_form(target: bytes) -> bytes:
    """The path and query of an absolute address, which RFC 9112 section 3.2.2 has servers take."""
    scheme, mark, rest = target.partition(b"://")
    if not mark or scheme.lower() not in (b"http", b"https"):
        raise broken()
    return b"/" + rest.partition(b"/")[2]


def broken() -> MalformedRequest:
    """The refusal of what is no request."""
    return MalformedRequest("The request is not HTTP/1.1 as it is written down.")


def refusal_of(failure: ValueError) -> VigieError:
    """What the parser found wrong, in our words: its own may repeat the request."""
    if isinstance(failure, LimitRequestLine):
        return AddressTooLong("The address is too long.")
    if isinstance(failure, LimitRequestHeaders):
        return HeadersTooLarge("The headers are too large or too many.")
    return broken()
