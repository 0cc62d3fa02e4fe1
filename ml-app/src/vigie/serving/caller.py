"""Who waits for an answer at the other end of a connection, and may leave."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from vigie.serving.runtime.batching import too_late

Receive = Callable[[], Awaitable[dict[str, Any]]]
"""ASGI's: the next message of a request."""


class ClientGone(Exception):
    """The caller closed the connection before there was an answer."""


class Caller:
    """Who waits for an answer, after the whole body was read: then only an end can come."""

    def __init__(self, receive: Receive, loop: asyncio.AbstractEventLoop) -> None:
        self._gone = asyncio.ensure_future(receive(), loop=loop)

    async def wait(self, soon: asyncio.Future[Any], until: float | None = None) -> None:
        """Waits until `soon` is done. Gives up where nobody needs it any more: raises `ClientGone`.

        Past `until`, a reading of `time.perf_counter()`, it raises `DeadlineExceeded`.
        """
        left = None if until is None else max(until - time.perf_counter(), 0.0)
        try:
            await asyncio.wait(
                (soon, self._gone), timeout=left, return_when=asyncio.FIRST_COMPLETED
            )
            if not soon.done():
                raise ClientGone if self._gone.done() else too_late()
        finally:
            soon.cancel()

    def leave(self) -> None:
        """Waits for nothing more."""
        self._gone.cancel()
