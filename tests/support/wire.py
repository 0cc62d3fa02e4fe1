"""Plain sockets to a service: what is sent goes out byte by byte, and what comes is told whole."""

from __future__ import annotations

import contextlib
import socket
import time

from support.transport import Answer, answer_of


def connect(port: int, receive_bytes: int = 0) -> socket.socket:
    """A connection; with `receive_bytes`, of so small a window."""
    made = socket.socket()
    if receive_bytes:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    made.settimeout(10)
    made.connect(("127.0.0.1", port))
    return made


def head_of(method: str, path: str, *headers: str) -> bytes:
    """The head of a request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def read_status(caller: socket.socket) -> int:
    """The status of the next answer, whose body is read too."""
    said = b""
    while (end := said.find(b"\r\n\r\n")) < 0:
        said += _piece(caller)
    length = int(said[:end].lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(said) < end + 4 + length:
        said += _piece(caller)
    return int(said[9:12])


def _piece(caller: socket.socket) -> bytes:
    piece = caller.recv(65536)
    assert piece, "the connection was closed before the answer was whole"
    return piece


def read_to_end(caller: socket.socket, seconds: float = 10.0) -> bytes:
    """What comes until the other side closes; a reset is an end too. Fails if it does not end."""
    end = time.monotonic() + seconds
    said = b""
    while True:
        caller.settimeout(max(0.01, end - time.monotonic()))
        try:
            piece = caller.recv(65536)
        except ConnectionResetError:
            return said
        if not piece:
            return said
        said += piece


def drip(caller: socket.socket, data: bytes, every: float = 0.05) -> bytes:
    """Sends byte after byte until the other side has had enough, then what it said."""
    caller.settimeout(every)
    said = b""
    for number in range(len(data)):
        try:
            caller.send(data[number : number + 1])
            piece = caller.recv(65536)
        except TimeoutError:
            continue
        except OSError:
            return said
        said += piece
        if not piece:
            return said
    raise AssertionError("all was taken")


def answer_in(said: bytes) -> Answer:
    """The first answer of what came."""
    head, _, rest = said.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    pairs = [line.split(b": ", 1) for line in lines]
    answer = answer_of(int(status.split(b" ")[1]), [(k, v) for k, v in pairs], rest)
    length = int(answer.headers.get("content-length", len(rest)))
    return Answer(answer.status, answer.headers, rest[:length])


def exchange(port: int, data: bytes, patience: float = 0.5) -> bytes:
    """What a service says to these bytes until it closes.

    After so many silent seconds the caller has no more to say, and closes its half.
    """
    with connect(port) as caller:
        said = b""
        with contextlib.suppress(OSError):
            caller.sendall(data)
        caller.settimeout(patience)
        try:
            while piece := caller.recv(65536):
                said += piece
        except TimeoutError:
            with contextlib.suppress(OSError):
                caller.shutdown(socket.SHUT_WR)
            said += read_to_end(caller)
        except ConnectionResetError:
            pass
        return said
