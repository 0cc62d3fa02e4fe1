"""Eight ways in which a registry, or what stands before it, may lie."""

from __future__ import annotations

import socket
import struct
import time
from http.server import BaseHTTPRequestHandler
from typing import Any

from support.fake_mlflow import Answer, FakeMlflow, send


class _Crawling:
    """A file to write to that takes 1 kB a second."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        for start in range(0, len(data), 100):
            self._file.write(data[start : start + 100])
            time.sleep(0.1)
        return len(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class _Breaking:
    """A file to write to that resets the connection after so many bytes."""

    def __init__(self, connection: socket.socket, left: int) -> None:
        self._connection = connection
        self._left = left
        self.closed = False

    def write(self, data: bytes) -> int:
        self._connection.sendall(data[: self._left])
        self._left -= len(data)
        if self._left <= 0:
            at_once = struct.pack("ii", 1, 0)
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
            self._connection.close()
            raise ConnectionResetError
        return len(data)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def lies(mlflow: FakeMlflow, other: int) -> dict[str, Answer]:
    """What a registry, or what stands before it, may do; `other` is the port of another host."""

    def late(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(5)
        mlflow.tell(handler)

    def crawling(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile = _Crawling(handler.wfile)  # type: ignore[assignment]
        mlflow.tell(handler)

    def breaking(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile = _Breaking(handler.connection, 1000)  # type: ignore[assignment]
        mlflow.tell(handler)

    elsewhere = {"Location": f"http://127.0.0.1:{other}/"}
    return {
        "5 s late": late,
        "1 kB/s": crawling,
        "reset at byte 1000": breaking,
        "200 with HTML": lambda h: send(h, b"<html>Sign in</html>", "text/html"),
        "500": lambda h: send(h, b"Internal Server Error", "text/plain", 500),
        "401": lambda h: send(h, b"Unauthorized", "text/plain", 401),
        "redirect": lambda h: send(h, b"", status=307, headers=elsewhere),
        "wrong JSON": lambda h: send(h, b'{"model_version": [1, 2', "application/json"),
    }
