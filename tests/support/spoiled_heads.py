"""Thousands of heads, most of them spoiled, that can be had again from a seed."""

from __future__ import annotations

from random import Random

SEEDS, HEADS_PER_SEED = 12, 1500
_PLAIN = (
    b"POST /predict/housing HTTP/1.1\r\nHost: localhost:5000\r\nContent-Type: application/json\r\n"
    b"Content-Length: 12\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n"
    b'{"rooms": 3}'
)
_COMPRESSED = (
    b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
    b"2;a=b\r\n{}\r\n0\r\nB: c\r\n\r\n"
)
_HEADS = [
    _PLAIN,
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /livez?a=b%20c HTTP/1.1\r\nHost: a\r\nX-Empty:\r\nX-Spaces: \t a  b \t \r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    _COMPRESSED,
    b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
    b"POST /a HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}",
    b"PUT /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: +2\r\n\r\n{}",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET http://a/b HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nName_: \xe9\r\n\r\n",
    b"\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\nGET /c HTTP/1.1\r\nHost: b\r\n\r\n",
    b"GET /b HTTP/1.1\r\nHost: a\r\nA: b\r\n folded\r\nA : b\r\n\r\n",
]  # fmt: skip
_PIECES = [
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b"\x7f", b"\xff", b"HTTP/1.0", b"HTTP/2", b"*",
    b"content-length: 1\r\n", b"Transfer-Encoding: chunked\r\n", b"a:" + b"b" * 5000 + b"\r\n",
    b"x:y\r\n" * 101, b"%", b"?", b"#", b"\"", b"get", b"/" * 9000, b"\r\n\r\n", b";",
    b"Host: c\r\n",
]  # fmt: skip


def spoiled_heads(seed: int) -> list[list[bytes]]:
    """The heads of a seed, each in the parts in which it comes."""
    chance = Random(seed)
    return [_cut(_spoiled(chance.choice(_HEADS), chance), chance) for _ in range(HEADS_PER_SEED)]


def _spoiled(head: bytes, chance: Random) -> bytes:
    for _ in range(chance.randrange(4)):
        at, piece = chance.randrange(len(head) + 1), chance.choice(_PIECES)
        over = chance.choice((0, 0, 1, 3))
        head = head[:at] + piece + head[at + over :]
    return head


def _cut(data: bytes, chance: Random) -> list[bytes]:
    cuts = sorted(chance.sample(range(1, len(data)), chance.randrange(3))) if len(data) > 4 else []
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
