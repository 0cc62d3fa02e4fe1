"""The head of a request as it was read, and what of it a service must not take.

A parser that others maintain reads it; what is left to a service is checked here. The sections are
those of RFC 9112.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from vigie.errors import MalformedRequest
from vigie.serving.auth.access import KEY_HEADERS
from vigie.serving.runtime.messages import Request

Fields = list[tuple[bytes, bytes]]

NO_TRAILERS = frozenset(
    (b"host", b"content-length", b"transfer-encoding", b"trailer", *KEY_HEADERS,
     b"content-type", b"content-encoding", b"expect", b"connection")
)  # fmt: skip
"""Fields that frame, route or let in a request: behind its body nobody would look for them."""
_ABSOLUTE = re.compile(rb"https?://[^/?]+((?:[/?].*)?)", re.IGNORECASE)


class Message:
    """One request as it comes: its head is there, `pieces` of its body, maybe not `whole` yet.

    Raises `MalformedRequest` where a service must not take it.
    """

    __slots__ = ("keeps_open", "length", "pieces", "request", "waits", "whole")

    def __init__(
        self, method: str, target: bytes, version: str, fields: Fields, *, keeps_open: bool
    ) -> None:
        headers = dict(fields)
        if version != "1.1":
            _check_old(version, headers)
        if len(headers) < len(fields):
            _check_once(fields)
        _check(method, target, version, headers)
        if target[:1] != b"/" and target != b"*":
            target = _origin_form(target)
        self.request = Request(method, _path(target), headers, b"", target=target)
        # an answer to HTTP/1.0 is the last one
        self.keeps_open = keeps_open and version == "1.1"
        self.length = int(headers.get(b"content-length", 0))
        self.waits = version == "1.1" and headers.get(b"expect", b"").lower() == b"100-continue"
        """Whether the caller sends the body when it is told to."""
        self.pieces: list[bytes] = []
        self.whole = False


def _path(target: bytes) -> str:
    path = target.partition(b"?")[0]
    return (unquote_to_bytes(path) if b"%" in path else path).decode("utf-8", "replace")


def _check_old(version: str, headers: dict[bytes, bytes]) -> None:
    """6.1: chunks are not known before HTTP/1.1."""
    if version != "1.0" or b"transfer-encoding" in headers:
        raise broken()


def _check_once(fields: Fields) -> None:
    """3.2 and 6.1: of two Hosts, or of several codings, one would not be looked at."""
    names = [name for name, _ in fields]
    if names.count(b"host") > 1 or names.count(b"transfer-encoding") > 1:
        raise broken()


def _check(method: str, target: bytes, version: str, headers: dict[bytes, bytes]) -> None:
    coding = headers.get(b"transfer-encoding")
    if coding is not None and coding.lower() != b"chunked":
        raise MalformedRequest(
            "Send the body as it is or chunked; no other transfer coding is known."
        )
    if b"host" not in headers and version == "1.1":
        raise MalformedRequest("The request names no Host.")
    if b"upgrade" in headers and headers[b"upgrade"].lower() == b"websocket":
        raise MalformedRequest("Web sockets are not served here.")
    # 3.2: no fragment, and a form of address that goes with the method
    if not target.isascii() or b"#" in target or method == "CONNECT":
        raise broken()
    if target == b"*" and method != "OPTIONS":
        raise broken()


def _origin_form(target: bytes) -> bytes:
    """The path and query of an absolute address, which section 3.2.2 has servers take."""
    found = _ABSOLUTE.fullmatch(target)
    if found is None:
        raise broken()
    return found[1] if found[1][:1] == b"/" else b"/" + found[1]


def without_upgrade(method: bytes, target: bytes, version: str, fields: Fields) -> bytes:
    """The head of a request as it would have been sent by who does not ask for another protocol."""
    lines = [b"%b: %b\r\n" % field for field in fields if field[0] != b"upgrade"]
    return b"%b %b HTTP/%b\r\n%b\r\n" % (method, target, version.encode(), b"".join(lines))


def broken() -> MalformedRequest:
    """The refusal of what is no request."""
    return MalformedRequest("The request is not HTTP/1.1 as it is written down.")
