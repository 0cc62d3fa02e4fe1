"""Many callers without a key, each with a large body, again and again."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from itertools import cycle, islice

PATHS = (
    "/predict/colours", "/v2/models/colours/infer", "/v1/models/colours:predict", "/invocations",
    "/models/colours", "/feedback",
)  # fmt: skip
PIECE = bytes(64 * 1024)


def press(address: tuple[str, int], callers: int, size: int, seconds: float) -> Counter[int]:
    """How many answers of each status they got; 0 is a connection that broke off without one."""
    return asyncio.run(_press(address, callers, size, seconds))


async def _press(address: tuple[str, int], callers: int, size: int, seconds: float) -> Counter[int]:
    seen: Counter[int] = Counter()
    until = time.monotonic() + seconds
    async with asyncio.timeout(seconds + 30):
        paths = islice(cycle(PATHS), callers)
        await asyncio.gather(*(_call(address, path, size, until, seen) for path in paths))
    return seen


async def _call(
    address: tuple[str, int], path: str, size: int, until: float, seen: Counter[int]
) -> None:
    while time.monotonic() < until:
        reader, writer = await asyncio.open_connection(*address)
        sending = asyncio.create_task(_send(writer, path, size))
        try:
            words = (await reader.readline()).split()
        except ConnectionError:
            words = []
        seen[int(words[1]) if words else 0] += 1
        # an answer does not end it: as rude as can be
        await sending
        writer.close()


async def _send(writer: asyncio.StreamWriter, path: str, size: int) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
    try:
        writer.write(f"{head}Content-Length: {size}\r\n\r\n".encode())
        for _ in range(size // len(PIECE)):
            writer.write(PIECE)
            await writer.drain()
    except ConnectionError:
        return
