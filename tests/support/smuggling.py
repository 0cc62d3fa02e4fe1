"""Requests whose end two readers may see in different places, each judged by RFC 9112."""

from __future__ import annotations

from typing import NamedTuple

from support.wire import head_of

REFUSED, ONE, TWO, WAITS, ONE_THEN_REFUSED = "0x", "1.", "2.", "0~", "1x"
"""How many whole requests a reader sees in what was sent, and how it stands after them: `x` has
refused what follows, `~` waits for more of it, `.` has read all."""

_HIDDEN_PATH = "/hidden"
HIDDEN = head_of("GET", _HIDDEN_PATH)
"""What a caller would have read as a second request."""


class Case(NamedTuple):
    """What is sent, and how a service reads it.

    `before` is how gunicorn's parser in Python read it, where that is not the same; then `because`
    says which of them RFC 9112 has right in its `section`.
    """

    sent: bytes
    section: str
    reading: str
    before: str = ""
    because: str = ""


def _post(*headers: str, body: bytes = b"") -> bytes:
    return head_of("POST", "/predict/housing", *headers) + body


def _lines(*lines: bytes, end: bytes = b"\r\n") -> bytes:
    return end.join(lines) + 2 * end


def _chunked(body: bytes) -> bytes:
    return _post("Transfer-Encoding: chunked", body=body)


def _coded(field: str) -> bytes:
    """Framed by its length where the field is no coding, by chunks where it is one."""
    body = b"0\r\n\r\n" + HIDDEN
    return _post(field, f"Content-Length: {len(body)}", body=body)


def _sized(length: str) -> bytes:
    return _post(f"Content-Length: {length}", body=b"12345" + HIDDEN)


_GET, _HOST = b"GET /livez HTTP/1.1", b"Host: localhost"
_LAST = b"0\r\n\r\n"

_BOTH_FRAMINGS = {
    "a length before chunks": Case(
        _post(f"Content-Length: {len(_LAST + HIDDEN)}", "Transfer-Encoding: chunked",
              body=_LAST + HIDDEN),
        "6.3", REFUSED,
    ),
    "chunks before a length": Case(
        _post("Transfer-Encoding: chunked", "Content-Length: 4",
              body=b"%x\r\n%b\r\n" % (len(HIDDEN), HIDDEN) + _LAST),
        "6.3", REFUSED,
    ),
    "chunks and a length of 0": Case(
        _post("Transfer-Encoding: chunked", "Content-Length: 0", body=_LAST), "6.3", REFUSED
    ),
}  # fmt: skip

_CODINGS = {
    # one field beside a length: who takes it for a coding reads a second request
    name: Case(_coded(field), section, reading)
    for name, field, section, reading in (
        ("a space before the colon of a coding", "Transfer-Encoding : chunked", "5.1", REFUSED),
        ("a tab before the colon of a coding", "Transfer-Encoding\t: chunked", "5.1", REFUSED),
        ("a tab before a coding", "Transfer-Encoding:\tchunked", "6.3", REFUSED),
        ("a vertical tab before a coding", "Transfer-Encoding: \x0bchunked", "5", REFUSED),
        ("a vertical tab after a coding", "Transfer-Encoding: chunked\x0b", "5", REFUSED),
        ("a NUL in a coding", "Transfer-Encoding: chun\x00ked", "5", REFUSED),
        ("a coding like chunked", "Transfer-Encoding: xchunked", "6.1", REFUSED),
        ("a coding in quotes", 'Transfer-Encoding: "chunked"', "6.1", REFUSED),
        ("a coding with a parameter", "Transfer-Encoding: chunked;q=1", "6.1", REFUSED),
        ("no coding in the field", "Transfer-Encoding:", "6.1", REFUSED),
        ("a coding after a comma", "Transfer-Encoding: ,chunked", "6.1", REFUSED),
        ("a coding that is none", "Transfer-Encoding: identity", "6.1", REFUSED),
        ("a coding in capitals", "TRANSFER-ENCODING: CHUNKED", "6.3", REFUSED),
        ("a coding in a folded line", "Transfer-Encoding:\r\n chunked", "5.2", REFUSED),
        ("a coding behind a space", " Transfer-Encoding: chunked", "5.2", REFUSED),
        ("a coding behind LF alone", "X: x\nTransfer-Encoding: chunked", "2.2", REFUSED),
        ("a coding behind CR alone", "X: x\rTransfer-Encoding: chunked", "2.2", REFUSED),
        ("a coding in a name with LF", "Transfer-Encoding\n: chunked", "5.1", REFUSED),
        ("a coding by another name", "Transfer_Encoding: chunked", "6.1", ONE),
        ("a coding of the answer", "TE: chunked", "6.1", ONE),
    )
} | {
    name: Case(_post(*fields, body=b"5\r\nhello\r\n" + _LAST), section, REFUSED, before, because)
    for name, fields, section, before, because in (
        ("chunks twice", ["Transfer-Encoding: chunked, chunked"], "6.1", "", ""),
        ("chunks twice, in two fields", ["Transfer-Encoding: chunked"] * 2, "6.1", "", ""),
        ("chunks that are not last", ["Transfer-Encoding: chunked, gzip"], "6.1", "", ""),
        ("chunks, then a tab", ["Transfer-Encoding: chunked\t"], "5.5", ONE,
         "a tab may follow a value; refused, it moves no end"),
        ("chunks, then identity", ["Transfer-Encoding: chunked, identity"], "6.1", "", ""),
        (
            "compressed, then chunks", ["Transfer-Encoding: gzip, chunked"], "6.1", ONE,
            "a coding that is not undone is refused",
        ),
        (
            "compressed, then chunks, in two fields",
            ["Transfer-Encoding: gzip", "Transfer-Encoding: chunked"], "6.1", ONE,
            "a coding that is not undone is refused",
        ),
        (
            "identity, then chunks", ["Transfer-Encoding: identity, chunked"], "7", ONE,
            "identity is no coding any more",
        ),
    )
}  # fmt: skip

_LENGTHS = {
    "a length with zeros before it": Case(_post("Content-Length: 005", body=b"12345"), "6.3", ONE),
    "two lengths": Case(_post("Content-Length: 5", "Content-Length: 6", body=b"12345"),
                        "6.3", REFUSED),
    "the same length twice": Case(_post("Content-Length: 5", "Content-Length: 5", body=b"12345"),
                                  "6.3", REFUSED),
    "a length above 2^64": Case(_sized(str(2**64 + 5)), "6.3", REFUSED, WAITS,
                                "who cannot tell a length must not wait for it"),
} | {
    name: Case(_sized(length), "6.3", REFUSED)
    for name, length in {
        "a list of one length": "5, 5",
        "a list of lengths": "5,6",
        "a length with a plus": "+5",
        "a length with a minus": "-5",
        "a length in hexadecimal": "0x5",
        "a length with an underscore": "1_0",
        "a length with a space in it": "5 5",
        "a length with a point": "5.0",
        "a length with a semicolon": "5;",
        "a length in superscript": "\xb2",
        "a length with a vertical tab": "5\x0b",
        "no length in the field": "",
        "a length of 5000 digits": "9" * 5000,
    }.items()
}  # fmt: skip

_LINES = {
    "lines that end in LF": Case(_lines(_GET, _HOST, end=b"\n"), "2.2", REFUSED),
    "lines that end in CR": Case(_lines(_GET, _HOST, end=b"\r") + b"\n", "2.2", REFUSED),
    "one line that ends in LF": Case(_GET + b"\n" + _HOST + b"\r\n\r\n", "2.2", REFUSED),
    "a head that ends in LF": Case(_GET + b"\r\n" + _HOST + b"\r\n\n", "2.2", REFUSED),
    "CR twice": Case(_GET + b"\r\r\n" + _HOST + b"\r\n\r\n", "2.2", REFUSED),
    "CR in a value": Case(_lines(_GET, _HOST, b"X: a\rb"), "2.2", REFUSED),
    "an empty line before": Case(b"\r\n" + HIDDEN, "2.2", ONE),
    "two empty lines before": Case(
        b"\r\n\r\n" + HIDDEN, "2.2", ONE, REFUSED, "empty lines may be skipped, which moves no end"
    ),
    "an empty line of LF before": Case(
        b"\n" + HIDDEN, "2.2", ONE, REFUSED, "empty lines may be skipped, which moves no end"
    ),
    "CR alone before": Case(
        b"\r" + HIDDEN, "2.2", ONE, REFUSED, "empty lines may be skipped, which moves no end"
    ),
    "a space before the request line": Case(b" " + HIDDEN, "3", REFUSED),
}

_FIELDS = {
    name: Case(_lines(_GET, _HOST, *lines), section, REFUSED)
    for name, section, lines in (
        ("a folded field", "5.2", [b"X: a", b" b"]),
        ("a field folded by a tab", "5.2", [b"X: a", b"\tb"]),
        ("a space before the colon", "5.1", [b"X : a"]),
        ("a NUL in a value", "5", [b"X: a\x00b"]),
        ("a NUL in a name", "5", [b"X\x00: a"]),
        ("DEL in a value", "5", [b"X: a\x7fb"]),
        ("no colon", "5", [b"X"]),
        ("no name", "5", [b": a"]),
        ("a name that is not ASCII", "5", [b"X\xe9: a"]),
        ("a name in quotes", "5", [b'"X": a']),
        ("a name with a slash", "5", [b"X/Y: a"]),
    )
} | {
    "a first line that is folded": Case(_lines(_GET, b" X: a", _HOST), "2.2", REFUSED),
    "a value that is not ASCII": Case(_lines(_GET, _HOST, b"X: \xe9"), "5", ONE),
    "no Host": Case(_lines(_GET), "3.2", REFUSED, ONE, "HTTP/1.1 must have one"),
    "two Hosts": Case(_lines(_GET, _HOST, b"Host: other"), "3.2", REFUSED),
    "the same Host twice": Case(_lines(_GET, _HOST, _HOST), "3.2", REFUSED),
}

_REQUEST_LINES = {
    name: Case(_lines(line, _HOST), section, reading, before, because)
    for name, line, section, reading, before, because in (
        ("two spaces before the target", b"GET  /livez HTTP/1.1", "3", ONE, REFUSED,
         "either may be done: white space may be taken together, which moves no end"),
        ("two spaces before the version", b"GET /livez  HTTP/1.1", "3", ONE, REFUSED,
         "either may be done: white space may be taken together, which moves no end"),
        ("tabs in the request line", b"GET\t/livez\tHTTP/1.1", "3", REFUSED, "", ""),
        ("a space after the version", b"GET /livez HTTP/1.1 ", "3", REFUSED, "", ""),
        ("a space in the target", b"GET /livez x HTTP/1.1", "3.2", REFUSED, "", ""),
        ("no target", b"GET HTTP/1.1", "3", REFUSED, "", ""),
        ("no version", b"GET /livez", "3", REFUSED, "", ""),
        ("a method in small letters", b"get /livez HTTP/1.1", "3.1", REFUSED, "", ""),
        ("a method with a colon", b"GET: /livez HTTP/1.1", "3.1", REFUSED, "", ""),
        ("a version in small letters", b"GET /livez http/1.1", "2.3", REFUSED, "", ""),
        ("HTTP/1.2", b"GET /livez HTTP/1.2", "2.3", REFUSED, "", ""),
        ("HTTP/2.0", b"GET /livez HTTP/2.0", "2.3", REFUSED, "", ""),
        ("HTTP/1.10", b"GET /livez HTTP/1.10", "2.3", REFUSED, "", ""),
        ("HTTP/01.1", b"GET /livez HTTP/01.1", "2.3", REFUSED, "", ""),
        ("an absolute target", b"GET http://localhost/livez HTTP/1.1", "3.2.2", ONE, "", ""),
        ("an absolute target elsewhere", b"GET http://other/livez HTTP/1.1", "3.2.2", ONE, "", ""),
        ("a target of another scheme", b"GET gopher://a/livez HTTP/1.1", "3.2.2", REFUSED, ONE,
         "it names nothing that is served here"),
        ("RTSP", b"GET /livez RTSP/1.1", "2.3", ONE, REFUSED,
         "either may be done: it has the heads and bodies of HTTP/1.1, and no end moves"),
        ("CONNECT", b"CONNECT localhost:80 HTTP/1.1", "3.2.3", REFUSED, ONE,
         "who makes no tunnel must not go on reading as if there were one"),
        ("CONNECT with a path", b"CONNECT /livez HTTP/1.1", "3.2.3", REFUSED, ONE,
         "who makes no tunnel must not go on reading as if there were one"),
        ("an authority without CONNECT", b"GET localhost:80 HTTP/1.1", "3.2.3", REFUSED, "", ""),
        ("* without OPTIONS", b"GET * HTTP/1.1", "3.2.4", REFUSED, "", ""),
        ("OPTIONS *", b"OPTIONS * HTTP/1.1", "3.2.4", ONE, "", ""),
        ("a fragment in the target", b"GET /livez#a HTTP/1.1", "3.2", REFUSED, ONE,
         "a target has no fragment"),
        ("a target that is not ASCII", b"GET /livez\xe9 HTTP/1.1", "3.2", REFUSED, "", ""),
        ("a NUL in the target", b"GET /livez\x00 HTTP/1.1", "3.2", REFUSED, "", ""),
        ("DEL in the target", b"GET /livez\x7f HTTP/1.1", "3.2", REFUSED, "", ""),
    )
}  # fmt: skip

_CHUNK_SIZES = {
    # what follows a chunk of five bytes is a second request to who reads the size otherwise
    name: Case(_chunked(size + b"\r\nhello\r\n" + _LAST), section, reading, before, because)
    for name, size, section, reading, before, because in (
        ("a chunk with zeros before its size", b"0005", "7.1", ONE, "", ""),
        ("a chunk of 17 digits, most of them 0", b"0" * 16 + b"5", "7.1", ONE, "", ""),
        ("a chunk in hexadecimal with 0x", b"0x5", "7.1", REFUSED, "", ""),
        ("a chunk with a plus", b"+5", "7.1", REFUSED, "", ""),
        ("a chunk with a minus", b"-5", "7.1", REFUSED, "", ""),
        ("a chunk with an underscore", b"0_5", "7.1", REFUSED, "", ""),
        ("a chunk with a space before its size", b" 5", "7.1", REFUSED, "", ""),
        ("a chunk with a space after its size", b"5 ", "7.1", REFUSED, "", ""),
        ("a chunk with a tab after its size", b"5\t", "7.1", REFUSED, "", ""),
        ("a chunk of no size", b"", "7.1", REFUSED, "", ""),
        ("a chunk with a NUL after its size", b"5\x00", "7.1", REFUSED, "", ""),
        ("a chunk of 2^64 and 5", b"10000000000000005", "7.1", REFUSED, WAITS,
         "who cannot tell a size must not wait for it"),
        ("a chunk with an extension", b'5;a=b;c="d"', "7.1.1", ONE, "", ""),
        ("a chunk with a space before its extension", b"5 ;a", "7.1.1", REFUSED, ONE,
         "only bad old senders put one there; refused, it moves no end"),
        ("a chunk with LF in its extension", b'5;a="\n"', "7.1.1", REFUSED, "", ""),
        ("a chunk with CR in its extension", b"5;a\rb", "7.1.1", REFUSED, "", ""),
        ("a chunk with a bare extension", b"5;", "7.1.1", REFUSED, "", ""),
        ("a chunk with a NUL in its extension", b"5;a=\x00", "7.1.1", REFUSED, "", ""),
    )
}  # fmt: skip

_CHUNKS = {
    "chunks whose lines end in LF": Case(_chunked(b"5\nhello\n0\n\n"), "7.1", REFUSED),
    "chunks that end in LF": Case(_chunked(b"5\r\nhello\r\n0\r\n\n"), "7.1", REFUSED),
    "a chunk that ends in LF": Case(_chunked(b"5\r\nhello\n0\r\n\r\n"), "7.1", REFUSED),
    "a chunk longer than it says": Case(_chunked(b"3\r\nhello\r\n" + _LAST), "7.1", REFUSED),
    "a chunk shorter than it says": Case(_chunked(b"7\r\nhello\r\n" + _LAST), "7.1", REFUSED),
    "chunks that never end": Case(_chunked(b"5\r\nhello\r\n"), "7.1", WAITS),
    "chunks in capitals": Case(
        _post("TRANSFER-ENCODING: Chunked", body=b"5\r\nhello\r\n" + _LAST), "7", ONE
    ),
} | {
    name: Case(_chunked(b"5\r\nhello\r\n0\r\n" + line + b"\r\n\r\n"), "7.1.2", reading, before, why)
    for name, line, reading, before, why in (
        ("a trailer", b"X-Sum: 5", ONE, "", ""),
        ("a length as trailer", b"Content-Length: 5", REFUSED, "", ""),
        ("a length as trailer, with a space", b"Content-Length : 5", REFUSED, "", ""),
        ("a coding as trailer", b"Transfer-Encoding: chunked", REFUSED, "", ""),
        ("a Host as trailer", b"Host: other", REFUSED, "", ""),
        ("a key as trailer", b"Authorization: Bearer a", REFUSED, "", ""),
        ("a trailer with LF", b"X: a\nContent-Length: 5", REFUSED, "", ""),
        ("a trailer with CR", b"X: a\rb", REFUSED, ONE, "CR alone ends no line and is no text"),
        ("a trailer without a colon", b"hello", REFUSED, ONE, "it is no field"),
    )
}  # fmt: skip

_VERSIONS = {
    "HTTP/1.0": Case(_lines(b"GET /livez HTTP/1.0"), "3.2", ONE),
    "HTTP/1.0 that stays open": Case(
        _lines(b"GET /livez HTTP/1.0", b"Connection: keep-alive"), "9.3", ONE
    ),
    "HTTP/1.0 in chunks": Case(
        _lines(b"POST /predict/housing HTTP/1.0", _HOST, b"Transfer-Encoding: chunked")
        + b"5\r\nhello\r\n" + _LAST,
        "6.1", REFUSED,
    ),
    "an upgrade to HTTP/2": Case(
        _lines(_GET, _HOST, b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c",
               b"HTTP2-Settings: AAMAAABkAAQAAP__"),
        "7.8 of RFC 9110", ONE,
    ),
    "an upgrade with a body": Case(
        _post("Connection: Upgrade", "Upgrade: h2c", f"Content-Length: {len(HIDDEN)}", body=HIDDEN),
        "7.8 of RFC 9110", ONE,
    ),
    "an upgrade with chunks": Case(
        _post("Connection: Upgrade", "Upgrade: h2c", "Transfer-Encoding: chunked",
              body=b"%x\r\n%b\r\n" % (len(HIDDEN), HIDDEN) + _LAST),
        "7.8 of RFC 9110", ONE,
    ),
    "an upgrade with a request behind": Case(
        _lines(_GET, _HOST, b"Connection: Upgrade", b"Upgrade: h2c") + HIDDEN,
        "7.8 of RFC 9110", TWO,
    ),
    "an upgrade that HTTP/1.0 asks for": Case(
        _lines(b"POST /predict/housing HTTP/1.0", b"Connection: Upgrade", b"Upgrade: h2c",
               b"Content-Length: %d" % len(HIDDEN)) + HIDDEN,
        "7.8 of RFC 9110", ONE,
    ),
    "an upgrade as trailer": Case(
        _lines(b"POST /predict/housing HTTP/1.1", _HOST, b"Connection: Upgrade",
               b"Transfer-Encoding: chunked") + b"0\r\nUpgrade: h2c\r\n\r\n" + HIDDEN,
        "7.8 of RFC 9110", TWO,
    ),
    "the preface of HTTP/2": Case(
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "3.4 of RFC 9113", REFUSED
    ),
    "a body that GET has": Case(
        _lines(_GET, _HOST, b"Content-Length: %d" % len(HIDDEN)) + HIDDEN, "6.3", ONE
    ),
    "a request that no body follows": Case(_post("Content-Length: 0") + HIDDEN, "6.3", TWO),
    "half a body": Case(_post("Content-Length: 50", body=b"12345"), "6.3", WAITS),
    "half a head": Case(_GET + b"\r\n" + _HOST + b"\r\n", "2.1", WAITS),
}  # fmt: skip

CASES: dict[str, Case] = {
    **_BOTH_FRAMINGS, **_CODINGS, **_LENGTHS, **_LINES, **_FIELDS, **_REQUEST_LINES,
    **_CHUNK_SIZES, **_CHUNKS, **_VERSIONS,
}  # fmt: skip
