"""The parser of the service, and what it leaves to the service to check."""

from __future__ import annotations

from collections.abc import Callable

from gunicorn_h1c import H1CProtocol

from vigie.errors import MalformedRequest

MOST_LINE_BYTES = 4094


def new_parser(on_body: Callable[[bytes], None]) -> H1CProtocol:
    return H1CProtocol(
        on_body=on_body,
        limit_request_line=MOST_LINE_BYTES,
        limit_request_fields=100,
        limit_request_field_size=8190,
        limit_remaining=0,
    )


def request_of(parser: H1CProtocol) -> None:
    codings = [value for name, value in parser.asgi_headers if name == b"transfer-encoding"]
    if codings and [one.lower() for one in codings] != [b"chunked"]:
        raise MalformedRequest(
            "Send the body as it is or chunked; no other transfer coding is known."
        )
    if parser.http_version != (1, 0) and not parser.get_header(b"host"):
        raise MalformedRequest("The request names no Host.")
    target = parser.path
    if not target.isascii() or b"#" in target or parser.method == b"CONNECT":
        raise MalformedRequest("The request is not HTTP/1.1 as it is written down.")
    if target[:1] != b"/" and target != b"*":
        scheme = target.partition(b"://")[0].lower()
        if scheme not in (b"http", b"https"):
            raise MalformedRequest("The request is not HTTP/1.1 as it is written down.")
