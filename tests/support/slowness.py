"""Callers that send or read as slowly as they can, in a process of their own."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import socket
import time
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass

from support.wire import connect

_WINDOW_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Slow:
    """How a slow caller goes about it: what it sends at once, then byte by byte; how it reads."""

    at_once: bytes
    by_byte: bytes = b""
    reads: bool = True


class SlowCallers:
    """A process that holds slow connections to a port; it takes no time from who measures."""

    def __init__(self, port: int) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(1, spawn, os.nice, (19,))
        self._pool.submit(time.monotonic).result(30)
        self._port = port

    def hold(self, slow: Slow, number: int, every: float) -> Future[list[float]]:
        """Opens so many, one every so many seconds; the seconds for which each was let be."""
        return self._pool.submit(hold, self._port, slow, number, every)

    def close(self) -> None:
        self._pool.shutdown()


def hold(port: int, slow: Slow, number: int, every: float, longest: float = 60.0) -> list[float]:
    """Opens slow connections and drips twice a second; the seconds until each was closed."""
    began: dict[socket.socket, float] = {}
    lasted: list[float] = []
    sent = 0
    end = time.monotonic() + longest
    try:
        for _ in range(number):
            caller = connect(port, 0 if slow.reads else _WINDOW_BYTES)
            caller.sendall(slow.at_once)
            caller.setblocking(False)
            began[caller] = time.monotonic()
            time.sleep(every)
        while began and time.monotonic() < end:
            for caller in list(began):
                if _is_closed(caller, slow.reads):
                    lasted.append(time.monotonic() - began.pop(caller))
                    caller.close()
                elif sent < len(slow.by_byte) - 1:
                    with contextlib.suppress(OSError):
                        caller.send(slow.by_byte[sent : sent + 1])
            sent += 1
            time.sleep(0.5)
    finally:
        for caller in began:
            caller.close()
    return [*lasted, *[longest] * len(began)]


def _is_closed(caller: socket.socket, reads: bool) -> bool:
    """True once the other side has closed; who reads slowly takes one byte to see it."""
    try:
        said = caller.recv(65536 if reads else 1)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return said == b"" or caller.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0
