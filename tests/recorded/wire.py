"""A caller over a plain socket: what it sends and gets are bytes, nothing is read into them."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence

PATIENCE_SECONDS = 30.0


def exchange(port: int, pieces: Sequence[bytes]) -> list[bytes]:
    """The answers on one connection, each a head and a body; the last holds all that came.

    Each piece but the first is sent after an answer to the one before. After the last answer the
    caller closes its side, so that bytes behind an answer are seen as well.
    """
    with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as caller:
        caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answers: list[bytes] = []
        said = b""
        for number, piece in enumerate(pieces, 1):
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                caller.sendall(piece)
            bodiless = piece.startswith(b"HEAD ")
            while (end := _end(said, bodiless)) is None:
                more = _receive(caller)
                if not more:
                    return [*answers, said] if said else answers
                said += more
            if number < len(pieces):
                answers.append(said[:end])
                said = said[end:]
        with contextlib.suppress(OSError):
            caller.shutdown(socket.SHUT_WR)
        while more := _receive(caller):
            said += more
        return [*answers, said]


def _receive(caller: socket.socket) -> bytes:
    try:
        return caller.recv(1 << 16)
    except ConnectionResetError:
        return b""


def _end(said: bytes, bodiless: bool) -> int | None:
    """Where the first answer ends; `None` while it is not whole."""
    head, mark, _ = said.partition(b"\r\n\r\n")
    if not mark:
        return None
    start = len(head) + 4
    if bodiless or head.split(b" ")[1] in (b"100", b"204", b"304"):
        return start
    lengths = [
        int(line.partition(b":")[2])
        for line in head.split(b"\r\n")[1:]
        if line.lower().startswith(b"content-length:")
    ]
    # without a length the answer ends with the connection
    if not lengths or len(said) < start + lengths[0]:
        return None
    return start + lengths[0]
