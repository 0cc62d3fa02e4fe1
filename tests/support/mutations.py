"""Good requests, and ways to spoil them that can be had again from a seed."""

from __future__ import annotations

from random import Random

import orjson

from support.wire import head_of
from support.worker import HOME, JSON

_BODY = orjson.dumps(HOME)
_TYPED = f"Content-Type: {JSON}"
SEEDS = [
    head_of("POST", "/predict/housing", _TYPED, f"Content-Length: {len(_BODY)}") + _BODY,
    head_of("POST", "/predict/housing", _TYPED, "Transfer-Encoding: chunked")
    + b"%x\r\n%b\r\n0\r\nX-Trailer: a\r\n\r\n" % (len(_BODY), _BODY),
    head_of("GET", "/v1/models/housing", "Accept: */*") * 2,
    head_of("HEAD", "/livez?a=b", "Connection: close"),
    head_of("POST", "/models/iris", "Content-Type: application/x-www-form-urlencoded",
            "Content-Length: 7") + b"a=1&b=2",
]  # fmt: skip
_PIECES = [
    b"\r\n", b"\n", b"\r", b"\x00", b" ", b"\t", b":", b"%00", b"../", b"\xff", b"0\r\n\r\n",
    b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: a\r\n", b"HTTP/1.0",
    b"Expect: 100-continue\r\n", b"Upgrade: websocket\r\nConnection: Upgrade\r\n", b"-1", b"9" * 30,
]  # fmt: skip


def mutate(request: bytes, random: Random) -> bytes:
    """The request after one to four accidents: bytes changed, lost, doubled, strangers added."""
    data = bytearray(request)
    for _ in range(random.randint(1, 4)):
        start = random.randrange(len(data) + 1)
        end = min(len(data), start + random.randint(1, 12))
        match random.randrange(5):
            case 0 if end > start:
                data[start] = random.randrange(256)
            case 1:
                del data[start:end]
            case 2:
                data[start:start] = data[start:end]
            case 3:
                data[start:start] = random.choice(_PIECES)
            case _:
                del data[start:]
                data += random.randbytes(random.randrange(8))
    return bytes(data)
