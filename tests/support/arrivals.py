"""Callers that come by chance, as many as there are, and wait for nobody else's answer."""

from __future__ import annotations

import asyncio
import gc
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import uvloop

from support.openloop import header

MOST_CONNECTIONS = 800
LONGEST_WAIT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer: `status` 0 is a connection that broke. Times in seconds from the beginning."""

    due: float
    latency: float
    status: int
    retry_after: bytes = b""


def offer(
    port: int,
    request: Callable[[], bytes],
    rate: float,
    seconds: float,
    *,
    seed: int = 1,
) -> list[Seen]:
    """What so many requests a second get, at times drawn as a Poisson process."""
    gc.collect()
    gc.disable()
    try:
        return uvloop.run(_offer(port, request, rate, seconds, random.Random(seed)))
    finally:
        gc.enable()


async def _offer(
    port: int, request: Callable[[], bytes], rate: float, seconds: float, chance: random.Random
) -> list[Seen]:
    callers = _Callers(port)
    due = 0.0
    async with asyncio.timeout(seconds + LONGEST_WAIT_SECONDS):
        while (due := due + chance.expovariate(rate)) < seconds:
            wait = callers.began + due - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            await callers.free.acquire()
            if callers.idle:
                callers.idle.pop().ask(request(), due)
            else:
                callers.begin(request(), due)
        await callers.finish()
    return callers.seen


class _Callers:
    """The connections of a client: those that wait for an answer, and those that are free."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.began = time.perf_counter()
        self.seen: list[Seen] = []
        self.idle: list[_Caller] = []
        self.free = asyncio.Semaphore(MOST_CONNECTIONS)
        self._opening: set[asyncio.Task[None]] = set()

    def begin(self, request: bytes, due: float) -> None:
        """Asks over a new connection."""
        task = asyncio.create_task(self._open(request, due))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, request: bytes, due: float) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, caller = await loop.create_connection(lambda: _Caller(self), "127.0.0.1", self._port)
        except OSError:
            self.note(due, 0)
            return
        caller.ask(request, due)

    def note(self, due: float, status: int, retry_after: bytes = b"") -> None:
        """Writes an answer down."""
        latency = time.perf_counter() - self.began - due
        self.seen.append(Seen(due, latency, status, retry_after))
        self.free.release()

    async def finish(self) -> None:
        """Waits for every answer, then closes."""
        for _ in range(MOST_CONNECTIONS):
            await self.free.acquire()
        for caller in self.idle:
            caller.transport.close()


class _Caller(asyncio.Protocol):
    """One connection. As cheap as can be: what it computes is taken from the service."""

    def __init__(self, callers: _Callers) -> None:
        self._callers = callers
        self._due: float | None = None
        self._said = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's own kind, which is none of asyncio's classes
        self.transport = cast(asyncio.Transport, transport)

    def ask(self, request: bytes, due: float) -> None:
        self._due, self._said = due, b""
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._said += data
        head, end, body = self._said.partition(b"\r\n\r\n")
        if not end or self._due is None:
            return
        head += b"\r\n"
        if len(body) >= int(header(head, b"content-length: ")):
            due, self._due = self._due, None
            self._callers.idle.append(self)
            self._callers.note(due, int(head[9:12]), header(head, b"retry-after: "))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._due is not None:
            self._callers.note(self._due, 0)
        elif self in self._callers.idle:
            self._callers.idle.remove(self)


def quantile_ms(seen: list[Seen], share: float) -> float:
    """The latency that this share of the answers stays within, milliseconds."""
    ordered = sorted(each.latency for each in seen)
    return 1000 * ordered[min(int(share * len(ordered)), len(ordered) - 1)]
