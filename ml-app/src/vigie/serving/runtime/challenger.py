"""A challenger: a version that answers copies of requests beside the one that serves.

Copies wait in a short queue for one thread of low priority, which rests longer than it works: the
callers' requests come first, and what does not fit is dropped and counted.
"""

from __future__ import annotations

import hashlib
import logging
import queue
import random
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vigie.errors import InvalidInput, VigieError
from vigie.registry.cache import CHALLENGER
from vigie.serving.runtime.batching import lower_thread_priority

if TYPE_CHECKING:
    from vigie.engines.predictor import Answers
    from vigie.models.document import PackageDocument
    from vigie.monitoring.challenger_metrics import ChallengerMetrics
    from vigie.serving.runtime.loaded_model import LoadedModel
    from vigie.serving.runtime.messages import Dialect, Request, RequestContext, Result

log = logging.getLogger("vigie.serving")

MOST_WAITING = 64
MOST_BYTES = 64 * 1024
MOST_PHOTO_BYTES = 16 * 2**20
"""Of all copies with photos that wait: their bodies are kept whole."""
BUSY_SHARE = 0.005
"""The share of requests that may meet a copy at work: under the hundredth that p99 leaves out."""
CANARY_HEADER = b"x-canary-key"
"""Requests of the same value of this header meet the same version."""
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Copy:
    """A request that was answered, and the answer of the champion, whose package is not kept.

    `weight` is the bytes of its body where that has photos.
    """

    request: Request
    dialect: Dialect
    document: PackageDocument
    answers: Answers
    weight: int


class Challenger:
    """A loaded challenger of one model, and the thread that runs it on copies."""

    def __init__(self, live: LoadedModel, metrics: ChallengerMetrics, share: float) -> None:
        self.live = live
        self._metrics = metrics
        self._series = metrics.bind(live.name, live.version)
        self._share = share
        self._queue: queue.Queue[Copy | None] = queue.Queue(MOST_WAITING)
        self._bytes = 0
        self._counting = threading.Lock()
        self._ended = threading.Event()
        self.info = (live.name, live.version, CHALLENGER, live.run_id, live.engine)
        self.thread = threading.Thread(
            target=self._work, name=f"challenger-{live.name}", daemon=True
        )
        self.thread.start()

    def shadow(self, context: RequestContext, result: Result) -> None:
        """Takes a copy of a share of the requests (shadow traffic); never waits."""
        if random.random() >= self._share or context.live is self.live:  # noqa: S311 -- no secret
            return
        request, live = context.request, context.live
        size = len(request.body)
        weight = size if live.images else 0
        copy = Copy(
            request, context.dialect, live.document, result.answers.without_neighbours(), weight
        )
        try:
            if self._bytes + weight > MOST_PHOTO_BYTES if weight else size > MOST_BYTES:
                raise queue.Full
            self._queue.put_nowait(copy)
        except queue.Full:
            self._series.dropped.inc()
            return
        self._weigh(weight)

    def _weigh(self, weight: int) -> None:
        if weight:
            with self._counting:
                self._bytes += weight

    def close(self) -> None:
        """Ends the thread and removes the series; copies that still wait are forgotten."""
        self._ended.set()
        while True:
            try:
                self._queue.put_nowait(None)
                break
            except queue.Full:
                _forget_one(self._queue)
        self._metrics.forget(self.live.name, self.live.version)

    def _work(self) -> None:
        lower_thread_priority()
        while (copy := self._queue.get()) is not None and not self._ended.is_set():
            started = time.thread_time()
            self._try(copy)
            self._weigh(-copy.weight)
            del copy
            # a thread that computes takes turns with the loop: resting leaves most turns to it
            self._ended.wait((time.thread_time() - started) * (1 / BUSY_SHARE - 1))

    def _try(self, copy: Copy) -> None:
        try:
            self._run(copy)
        except (InvalidInput, KeyError):
            self._series.errors["incompatible"].inc()
        except VigieError:
            self._series.errors["failed"].inc()
        except Exception:
            log.exception("the challenger of %s failed", self.live.name)
            self._series.errors["failed"].inc()

    def _run(self, copy: Copy) -> None:
        started = time.perf_counter()
        decoded = copy.dialect.decode(copy.request, self.live).decoded
        answers = self.live.predictor.predict(decoded.columns)
        seconds = time.perf_counter() - started
        document = self.live.document
        different, difference = compare(copy.document, copy.answers, document, answers)
        series = self._series
        series.requests.inc()
        series.rows.inc(decoded.rows)
        series.seconds.observe(seconds)
        series.different.inc(different)
        series.difference.inc(difference)


def _forget_one(waiting: queue.Queue[Copy | None]) -> None:
    try:
        waiting.get_nowait()
    except queue.Empty:
        return


def compare(
    document: PackageDocument, answers: Answers, other: PackageDocument, others: Answers
) -> tuple[int, float]:
    """Rows with another label, and the sum of relative differences; one of them is 0.

    Raises `KeyError` where the second answers are not of the same kind.
    """
    if document.task != other.task:
        raise KeyError(other.task)
    name = document.outputs[0].name
    if document.task == "classification":
        labels = zip(answers.labels(document), others.labels(other), strict=True)
        return sum(one != two for one, two in labels), 0.0
    one = answers.outputs[name].astype(np.float64)
    two = others.outputs[name].astype(np.float64)
    if one.shape != two.shape:
        raise KeyError(name)
    rest = tuple(range(1, one.ndim))
    size = np.maximum(np.abs(one).sum(axis=rest), _TINY)
    return 0, float((np.abs(two - one).sum(axis=rest) / size).sum())


class Canary:
    """Chooses the requests that the challenger answers."""

    def __init__(self, live: LoadedModel, share: float) -> None:
        self.live = live
        self._share = share

    def takes(self, request: Request) -> bool:
        """Whether a request is the challenger's: by its key if it has one, else by chance."""
        key = request.headers.get(CANARY_HEADER)
        if key is None:
            return random.random() < self._share  # noqa: S311 -- no secret
        digest = hashlib.blake2b(key, digest_size=4).digest()
        return int.from_bytes(digest) < self._share * 2**32
