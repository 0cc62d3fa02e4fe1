"""A connection by itself, on a real loop and a real socket."""

from __future__ import annotations

import asyncio
import gc
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config

from conftest import settings_for
from vigie.monitoring.metrics import Metrics
from vigie.registry.cache import ModelCache
from vigie.serving.connections import Connections
from vigie.serving.protocol import Connection
from wire import head_of

GRACE_SECONDS = 1
GET = head_of("GET", "/")
OK = [
    {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]},
    {"type": "http.response.body", "body": b""},
]


async def answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """An application that says OK."""
    await receive()
    for message in OK:
        await send(message)


@pytest.fixture
def connections(cache: ModelCache, tmp_path: Any) -> Connections:
    settings = settings_for(cache, tmp_path)
    return Connections(settings, Metrics(), lambda: asyncio.get_running_loop().time())


def worker_of(connections: Connections) -> Any:
    """What a connection needs of a worker."""
    log = logging.getLogger("gunicorn.error")
    log.access_log_enabled = False  # type: ignore[attr-defined]
    config = Config()
    config.set("asgi_disconnect_grace_period", GRACE_SECONDS)
    return SimpleNamespace(
        cfg=config, log=log, asgi=answer, connections=connections, nr_conns=0, nr=0,
        alive=True, max_requests=10**9, loop=asyncio.get_running_loop(),
    )  # fmt: skip


async def call(port: int, *requests: bytes) -> None:
    """One connection with so many requests; the last may be half of one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for request in requests:
        writer.write(request)
        if request.endswith(b"\r\n\r\n"):
            await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    "requests", [[GET, GET], [GET, GET[:9]], [GET[:9]], [b"NONSENSE\r\n\r\n"], []],
    ids=["whole", "half the second", "half", "garbage", "none"],
)  # fmt: skip
def test_a_connection_leaves_nothing_to_collect(
    connections: Connections, requests: list[bytes]
) -> None:
    async def left_by_many() -> int:
        worker = worker_of(connections)
        made = await worker.loop.create_server(lambda: Connection(worker), "127.0.0.1", 0)
        port = made.sockets[0].getsockname()[1]
        await call(port, *requests)
        gc.collect()
        gc.disable()
        try:
            for _ in range(20):
                await call(port, *requests)
            # gunicorn's grace holds each for that long
            await asyncio.sleep(GRACE_SECONDS + 0.1)
            assert worker.nr_conns == 0
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            return sum(isinstance(one, Connection) for one in gc.garbage)
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
            made.close()

    assert asyncio.run(asyncio.wait_for(left_by_many(), 20)) == 0
