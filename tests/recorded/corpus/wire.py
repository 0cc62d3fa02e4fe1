"""Bytes that are no plain request: cut, chunked, too long, in a row, no HTTP at all."""

from __future__ import annotations

from recorded.corpus.native import GOOD, HOUSING
from recorded.request import JSON, Request, wire_form

_TYPED = {"Content-Type": JSON}
_CHUNKED = {**_TYPED, "Transfer-Encoding": "chunked", "Content-Length": "\0"}


def raw(name: str, *pieces: bytes) -> Request:
    """Bytes as they are."""
    return Request(name, "", "", pieces=pieces)


def framing() -> list[Request]:
    """Bodies in other frames, and several requests on one connection."""
    good = wire_form("POST", HOUSING, _TYPED, GOOD)
    livez, models = wire_form("GET", "/livez"), wire_form("GET", "/v2")
    head = wire_form("POST", HOUSING, _CHUNKED)
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(GOOD), GOOD)
    halves = b"5\r\n%b\r\n%x;x=y\r\n%b\r\n0\r\nX-Last: 1\r\n\r\n" % (
        GOOD[:5], len(GOOD) - 5, GOOD[5:],
    )  # fmt: skip
    closing = {"Connection": "close"}
    named = b" HTTP/1.1\r\nHost: vigie.test\r\nX-Request-Id: recorded\r\n\r\n"
    too_large = {
        "prediction": HOUSING,
        "page": "/",
        "tensors": "/v2/models/housing/infer",
        "rows": "/v1/models/housing:predict",
        "table": "/invocations",
        "truth": "/feedback",
    }
    waiting = wire_form(
        "POST", HOUSING, {**_TYPED, "Expect": "100-continue", "Content-Length": str(len(GOOD))}
    )
    return [
        raw("three in turn", good, livez, good),
        raw("page after page", models, models),
        raw("chunked", head + chunks),
        raw("chunked in pieces", head + halves),
        raw("chunked page", wire_form("POST", "/", _CHUNKED) + chunks),
        raw("chunked truth", wire_form("POST", "/feedback", _CHUNKED) + b"0\r\n\r\n"),
        raw("expecting", waiting, GOOD),
        raw("closing, prediction", wire_form("POST", HOUSING, {**_TYPED, **closing}, GOOD)),
        raw("closing, page", wire_form("GET", "/v2", closing)),
        raw("closing, health", wire_form("GET", "/livez", closing)),
        raw("HTTP/1.0", b"GET /livez HTTP/1.0\r\nX-Request-Id: recorded\r\n\r\n"),
        raw("HTTP/1.0 page", b"GET /v2" + named.replace(b"1.1", b"1.0")),
        raw("HTTP/1.0 prediction", good.replace(b"HTTP/1.1", b"HTTP/1.0")),
        *(
            raw(f"{name} too large", wire_form("POST", path, {"Content-Length": "8388609"}))
            for name, path in too_large.items()
        ),
        raw("absolute address", b"GET http://other.test/v2" + named),
        raw("star", b"OPTIONS *" + named),
    ]


def no_http() -> list[Request]:
    """What is refused before there is a request."""
    end = b"\r\nHost: vigie.test\r\n\r\n"
    lines = {
        "no HTTP": b"hello\r\n\r\n",
        "no version": b"GET /livez" + end,
        "HTTP/2": b"GET /livez HTTP/2.0" + end,
        "HTTP/3.7": b"GET /livez HTTP/3.7" + end,
        "lower case method": b"get /livez HTTP/1.1" + end,
        "no method": b" /livez HTTP/1.1" + end,
        "spaces": b"GET  /livez  HTTP/1.1" + end,
        "CONNECT": b"CONNECT vigie.test:443 HTTP/1.1" + end,
        "address too long": b"GET /" + b"a" * 9000 + b" HTTP/1.1" + end,
        "header too long": b"GET /livez HTTP/1.1\r\nX-Long: " + b"a" * 20000 + end,
        "too many headers": b"GET /livez HTTP/1.1\r\n" + b"X-A: b\r\n" * 300 + b"\r\n",
        "header without a colon": b"GET /livez HTTP/1.1\r\nnothing" + end,
        "header with a space": b"GET /livez HTTP/1.1\r\nX Y: z" + end,
        "header with a zero": b"GET /livez HTTP/1.1\r\nX: \0" + end,
        "folded header": b"GET /livez HTTP/1.1\r\nX: a\r\n b" + end,
        "length of words": b"POST /predict HTTP/1.1\r\nContent-Length: ten" + end,
        "negative length": b"POST /predict HTTP/1.1\r\nContent-Length: -1" + end,
        "two lengths": b"POST /predict HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2" + end,
        "endless length": b"POST /predict HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + end,
        "length and chunks": b"POST /predict HTTP/1.1\r\nContent-Length: 1\r\n"
        b"Transfer-Encoding: chunked" + end,
        "unknown coding": b"POST /predict HTTP/1.1\r\nTransfer-Encoding: gzip" + end,
        "broken chunk": b"POST /predict HTTP/1.1\r\nTransfer-Encoding: chunked" + end + b"x\r\n",
        "web socket": b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==" + end,
        "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    }  # fmt: skip
    return [raw(name, content) for name, content in lines.items()]


def slow() -> list[Request]:
    """What does not arrive in time."""
    half = wire_form("POST", HOUSING, {**_TYPED, "Content-Length": "100"}, GOOD)
    return [
        raw("half a head", b"GET /livez HTTP/1.1\r\nHost:"),
        raw("half a body", half),
        raw("half a form", wire_form("POST", "/", {"Content-Length": "100"}, b"rooms=3")),
        raw("half a body in chunks", wire_form("POST", HOUSING, _CHUNKED) + b"5\r\n{"),
    ]
