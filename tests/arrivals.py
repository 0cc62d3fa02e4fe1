"""Callers that come by chance, as many as there are, and wait for nobody else's answer."""

from __future__ import annotations

import asyncio
import gc
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from openloop import header

MOST_CONNECTIONS = 800
LONGEST_WAIT_SECONDS = 20.0

_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


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
        return asyncio.run(_offer(port, request, rate, seconds, random.Random(seed)))
    finally:
        gc.enable()


async def _offer(
    port: int, request: Callable[[], bytes], rate: float, seconds: float, chance: random.Random
) -> list[Seen]:
    seen: list[Seen] = []
    idle: list[_Connection] = []
    free = asyncio.Semaphore(MOST_CONNECTIONS)
    began = time.perf_counter()
    due = 0.0
    async with asyncio.timeout(seconds + LONGEST_WAIT_SECONDS), asyncio.TaskGroup() as tasks:
        while (due := due + chance.expovariate(rate)) < seconds:
            wait = began + due - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            await free.acquire()
            task = tasks.create_task(_ask(port, request(), began, due, idle, seen))
            task.add_done_callback(lambda _: free.release())
    for _, writer in idle:
        writer.close()
    return seen


async def _ask(
    port: int, request: bytes, began: float, due: float, idle: list[_Connection], seen: list[Seen]
) -> None:
    try:
        connection = idle.pop() if idle else await asyncio.open_connection("127.0.0.1", port)
        reader, writer = connection
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(header(head, b"content-length: ")))
    except (OSError, EOFError):
        seen.append(Seen(due, time.perf_counter() - began - due, 0))
        return
    latency = time.perf_counter() - began - due
    seen.append(Seen(due, latency, int(head[9:12]), header(head, b"retry-after: ")))
    idle.append(connection)


def quantile_ms(seen: list[Seen], share: float) -> float:
    """The latency that this share of the answers stays within, milliseconds."""
    ordered = sorted(each.latency for each in seen)
    return 1000 * ordered[min(int(share * len(ordered)), len(ordered) - 1)]
