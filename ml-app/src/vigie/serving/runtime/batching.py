"""The one thread in which a slow model runs, and the bounded queue before it."""

from __future__ import annotations

import asyncio
import contextlib
import math
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from prometheus_client import Gauge

from vigie.errors import DeadlineExceeded, Unavailable, VigieError
from vigie.serving.runtime.job import Job, Outcome
from vigie.serving.runtime.latency_model import Pace
from vigie.serving.runtime.priority import lower_thread_priority

Waiting = tuple[Job, "asyncio.Future[Outcome]"]
Result = Outcome | VigieError

CALLS_AHEAD = 5
SHORTEST_QUEUE_SECONDS = 0.05


class ModelThread:
    """Runs what waits in batches; a newcomer who would wait too long is sent away at once.

    All but `_work` is called from the event loop.
    """

    def __init__(
        self,
        name: str,
        loop: asyncio.AbstractEventLoop,
        depth: Gauge,
        batches: Callable[[Sequence[Waiting]], Iterator[list[Waiting]]],
        run_batch: Callable[[Sequence[Waiting]], list[Result]],
    ) -> None:
        self._loop = loop
        self._depth = depth
        self._batches = batches
        self._run_batch = run_batch
        self._queue: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._rows = 0
        self._began: float | None = None
        threading.Thread(target=self._work, name=f"model-{name}", daemon=True).start()

    def put(self, entry: Waiting) -> None:
        """Adds a job to what waits. Raises `Unavailable` where the wait would be too long."""
        job, future = entry
        self.require_room(job.live.pace)
        self._rows += job.decoded.rows
        self._depth.inc()
        # the answer of a model that hangs would never come: the deadline's does
        timer = self._loop.call_later(job.deadline - time.perf_counter(), _expire, future)
        future.add_done_callback(lambda _: timer.cancel())
        self._queue.put(entry)

    def require_room(self, pace: Pace) -> None:
        """Raises `Unavailable` where a newcomer would wait too long for a model of this pace."""
        wait = pace.seconds(self._rows) if self._rows else 0.0
        if wait > max(CALLS_AHEAD * pace.nominal_seconds(1), SHORTEST_QUEUE_SECONDS):
            raise Unavailable(
                "The model has more to do than it can; try again soon.",
                "queue",
                retry_after=math.ceil(wait),
            )

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

    def _hand_back(self, batch: Sequence[Waiting], results: Sequence[Result]) -> None:
        self._rows -= sum(job.decoded.rows for job, _ in batch)
        self._depth.dec(len(batch))
        settle(batch, results)


def settle(batch: Sequence[Waiting], results: Sequence[Result]) -> None:
    """Gives every waiting caller exactly its own result."""
    for (_, future), result in zip(batch, results, strict=True):
        if future.done():
            continue
        if isinstance(result, VigieError):
            future.set_exception(result)
        else:
            future.set_result(result)


def _expire(future: asyncio.Future[Outcome]) -> None:
    if not future.done():
        future.set_exception(too_late())


def too_late() -> DeadlineExceeded:
    """The refusal of a prediction whose deadline has passed."""
    return DeadlineExceeded("The deadline passed before there was an answer.")
