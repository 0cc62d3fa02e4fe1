"""An open-loop client: requests leave when their time has come, whatever the service does.

A latency counts from the moment a request was due, so a pause of the service shows in all the
requests that it held up and not only in one.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import orjson

from support.worker import JSON

LONGEST_WAIT_SECONDS = 20.0

_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(slots=True)
class Figures:
    """What a client saw."""

    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    lost: int = 0

    def add(self, other: Figures) -> None:
        self.latencies += other.latencies
        self.statuses += other.statuses
        self.versions += other.versions
        self.lost += other.lost

    def quantile_ms(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(int(share * len(ordered)), len(ordered) - 1)]

    def __str__(self) -> str:
        shares = (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0))
        told = ", ".join(f"{name} {self.quantile_ms(share):.2f}" for name, share in shares)
        return f"{len(self.latencies)} requests, ms: {told}"


def together(some: Iterable[Figures]) -> Figures:
    """The figures of several windows as one."""
    whole = Figures()
    for figures in some:
        whole.add(figures)
    return whole


def request_of(model: str, row: object, **headers: str) -> bytes:
    """A prediction request as it goes over the wire."""
    body = orjson.dumps({"instances": [row]})
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = (
        f"POST /predict/{model} HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: {JSON}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    )
    return head.encode() + body


def ask_at(
    port: int,
    request: bytes | Sequence[bytes],
    rate: float,
    seconds: float,
    connections: int,
    stop: threading.Event | None = None,
    *,
    knocks_again: bool = False,
) -> Figures:
    """What so many requests a second, over some connections, get; a rate of 0 asks at once.

    Several requests are asked in turn. `stop` ends it early. A request that was sent and got no
    answer is lost; a connection that was closed before the next request is opened anew, as every
    client does. A connection that is refused is lost too, unless the client knocks again: nothing
    was sent over it.
    """
    gc.collect()
    gc.disable()
    try:
        return asyncio.run(
            _ask_all(
                port,
                itertools.cycle([request] if isinstance(request, bytes) else request),
                rate,
                seconds,
                connections,
                stop or threading.Event(),
                knocks_again,
            )
        )
    finally:
        gc.enable()


def capacity(port: int, request: bytes, seconds: float = 3.0, connections: int = 16) -> float:
    """Good answers a second when each connection asks again at once."""
    figures = ask_at(port, request, 0.0, seconds, connections)
    return figures.statuses[200] / seconds


async def _ask_all(
    port: int,
    requests: Iterator[bytes],
    rate: float,
    seconds: float,
    connections: int,
    stop: threading.Event,
    knocks_again: bool,
) -> Figures:
    figures = Figures()
    period = connections / rate if rate else 0.0
    began = time.perf_counter() + 0.05
    end = began + seconds
    callers = [
        _call(
            port, requests, began + period * number / connections, period, end, figures, stop,
            knocks_again,
        )
        for number in range(connections)
    ]  # fmt: skip
    await asyncio.wait_for(asyncio.gather(*callers), seconds + LONGEST_WAIT_SECONDS)
    return figures


async def _call(
    port: int,
    requests: Iterator[bytes],
    due: float,
    period: float,
    end: float,
    figures: Figures,
    stop: threading.Event,
    knocks_again: bool,
) -> None:
    connection: _Connection | None = None
    while due < end and not stop.is_set():
        now = time.perf_counter()
        if now < due:
            await asyncio.sleep(due - now)
        try:
            if connection is None or connection[0].at_eof():
                _close(connection)
                connection = await _open(port, end if knocks_again else 0.0)
            reader, writer = connection
            writer.write(next(requests))
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(header(head, b"content-length: ")))
            figures.latencies.append(time.perf_counter() - due)
            figures.statuses[int(head[9:12])] += 1
            figures.versions[header(head, b"x-model-version: ").decode()] += 1
            if header(head, b"connection: ") == b"close":
                _close(connection)
                connection = None
        except (OSError, EOFError):
            figures.lost += 1
            _close(connection)
            connection = None
        due = due + period if period else time.perf_counter()
    _close(connection)


async def _open(port: int, until: float) -> _Connection:
    while True:
        try:
            return await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            if time.perf_counter() >= until:
                raise
            await asyncio.sleep(0.02)


def _close(connection: _Connection | None) -> None:
    if connection is not None:
        connection[1].close()


def header(head: bytes, name: bytes) -> bytes:
    """A header in the head of an answer; `name` is lower-case, with colon and space."""
    _, found, rest = head.lower().partition(name)
    return rest.partition(b"\r\n")[0] if found else b""
