"""Requests with photos are decoded in threads of their own: each takes milliseconds at least."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from vigie.serving.runtime.batching import lower_thread_priority, too_late, too_much_to_do

LONGEST_QUEUE_SECONDS = 2.0
LARGE_BODY_BYTES = 16 * 2**20
"""Larger bodies are decoded one at a time: each takes several times its size meanwhile."""
_SMOOTHING = 0.1
_Decoded = TypeVar("_Decoded")


class PhotoDecoding:
    """The threads of one worker that decode photos, and what waits for them.

    All but the work itself is called from the event loop.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pool = ThreadPoolExecutor(
            threads, thread_name_prefix="photos", initializer=lower_thread_priority
        )
        self._large = threading.Lock()
        self._seconds = 0.0
        self.waiting = 0
        """Requests whose photos are not decoded yet."""

    def require_room(self) -> None:
        """Raises `Unavailable` where a newcomer would wait too long."""
        wait = self.waiting * self._seconds / self._threads
        if wait > LONGEST_QUEUE_SECONDS:
            raise too_much_to_do(wait)

    def start(
        self,
        work: Callable[[], _Decoded],
        size: int,
        deadline: float,
        loop: asyncio.AbstractEventLoop,
    ) -> asyncio.Future[_Decoded]:
        """Does the work of a body of so many bytes in a thread; the future has what it gives.

        Cancelled before it began, or past `deadline`, it is not done.
        """
        self.waiting += 1
        submitted = self._pool.submit(self._do, work, size, deadline)
        soon = asyncio.wrap_future(submitted, loop=loop)
        # a caller who has gone leaves at once, the work that runs for him when it ends
        submitted.add_done_callback(lambda _: self._tell_done(loop))
        return soon

    def _tell_done(self, loop: asyncio.AbstractEventLoop) -> None:
        # a worker that has ended meanwhile has no loop, and nobody counts
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(self._done)

    def _do(self, work: Callable[[], _Decoded], size: int, deadline: float) -> _Decoded:
        if size > LARGE_BODY_BYTES:
            with self._large:
                return self._timed(work, deadline)
        return self._timed(work, deadline)

    def _timed(self, work: Callable[[], _Decoded], deadline: float) -> _Decoded:
        started = time.perf_counter()
        if started > deadline:
            raise too_late()
        try:
            return work()
        finally:
            seconds = time.perf_counter() - started
            self._seconds += _SMOOTHING * (seconds - self._seconds)

    def _done(self) -> None:
        self.waiting -= 1
