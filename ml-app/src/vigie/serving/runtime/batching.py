"""Adaptive batching of a slow model: one thread, and the bounded queue before it.

What waits while the model runs is its next batch.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from prometheus_client import Gauge

from vigie.errors import DeadlineExceeded, Unavailable, VigieError
from vigie.serving.runtime.messages import Result

if TYPE_CHECKING:
    from vigie.serving.runtime.loaded_model import LatencyModel
    from vigie.serving.runtime.messages import RequestContext

ResultOrError = Result | VigieError
Settle = Callable[["RequestContext", ResultOrError], None]
"""Told in the event loop what became of a request; maybe nobody waits for it any more."""

CALLS_AHEAD = 5
_NICENESS = 5


class BatchWorker:
    """Runs what waits in batches; a newcomer who would wait too long is sent away at once.

    All but `_work` is called from the event loop.
    """

    def __init__(
        self,
        name: str,
        loop: asyncio.AbstractEventLoop,
        depth: Gauge,
        batches: Callable[[Sequence[RequestContext]], Iterator[list[RequestContext]]],
        run_batch: Callable[[Sequence[RequestContext]], list[ResultOrError]],
        settle: Settle,
    ) -> None:
        self._loop = loop
        self._depth = depth
        self._batches = batches
        self._run_batch = run_batch
        self._settle = settle
        self._queue: queue.SimpleQueue[RequestContext | None] = queue.SimpleQueue()
        self._rows = 0
        self._began: float | None = None
        threading.Thread(target=self._work, name=f"model-{name}", daemon=True).start()

    def put(self, context: RequestContext) -> None:
        """Adds a request to what waits. Raises `Unavailable` where the wait would be too long."""
        self.require_room(context.live.latency)
        self._rows += context.decoded.rows
        self._depth.inc()
        self._queue.put(context)

    def require_room(self, latency: LatencyModel) -> None:
        """Raises `Unavailable` where a newcomer would wait too long for a model of this speed."""
        wait = latency.seconds(self._rows) if self._rows else 0.0
        if wait > max(CALLS_AHEAD * latency.nominal_seconds(1), latency.least_queue_seconds):
            raise too_much_to_do(wait)

    def busy_seconds(self) -> float:
        """How long the call that runs now has been running, 0 where none runs."""
        began = self._began
        return 0.0 if began is None else time.perf_counter() - began

    def stop(self) -> None:
        """Ends the thread when its work is done."""
        self._queue.put(None)

    def _work(self) -> None:
        lower_thread_priority()
        while (first := self._queue.get()) is not None:
            waiting = [first]
            while not self._queue.empty():
                entry = self._queue.get()
                if entry is None:
                    self._queue.put(None)
                    break
                waiting.append(entry)
            for batch in self._batches(waiting):
                self._began = time.perf_counter()
                results = self._run_batch(batch)
                self._began = None
                # a worker that has ended meanwhile has no loop, and nobody waits
                with contextlib.suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(self._hand_back, batch, results)

    def _hand_back(self, batch: Sequence[RequestContext], results: Sequence[ResultOrError]) -> None:
        self._rows -= sum(context.decoded.rows for context in batch)
        self._depth.dec(len(batch))
        for context, result in zip(batch, results, strict=True):
            self._settle(context, result)


def too_much_to_do(seconds: float) -> Unavailable:
    """The refusal of a newcomer who would wait so long."""
    return Unavailable(
        "The model has more to do than it can; try again soon.",
        "queue",
        retry_after=math.ceil(seconds),
    )


def too_late() -> DeadlineExceeded:
    """The refusal of a prediction whose deadline has passed."""
    return DeadlineExceeded("The deadline passed before there was an answer.")


def lower_thread_priority() -> None:
    """Lets the event loop run before the calling thread (Linux; elsewhere it changes nothing)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
