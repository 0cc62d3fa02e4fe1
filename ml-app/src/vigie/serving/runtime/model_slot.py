"""A slot: one served model. Holds the live version, swaps it, turns what waits into batches.

A quick model runs in the event loop, and all requests that arrived in one turn of the loop form a
batch: no timer, no added wait. A slow one runs in a `BatchWorker`; what waits meanwhile is the
next batch.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from vigie.errors import ModelFailure, VigieError
from vigie.models.rows import Decoded
from vigie.serving.runtime.batching import BatchWorker, too_late
from vigie.serving.runtime.loaded_model import VersionMetrics, clock_of
from vigie.serving.runtime.messages import Result

if TYPE_CHECKING:
    from vigie.serving.metrics import Metrics
    from vigie.serving.runtime.batching import ResultOrError, Settle
    from vigie.serving.runtime.challenger import Canary, Challenger
    from vigie.serving.runtime.loaded_model import LoadedModel
    from vigie.serving.runtime.messages import RequestContext


class ModelSlot:
    """One served model in one worker."""

    def __init__(self, name: str, metrics: Metrics) -> None:
        self.name = name
        self.live: LoadedModel | None = None
        self.challenger: Challenger | None = None
        self.canary: Canary | None = None
        self._bound: dict[str, VersionMetrics] = {}
        self._metrics = metrics
        self._batch_sizes = metrics.models.batch_rows.labels(name)
        self._depth = metrics.models.queue_depth.labels(name)
        self._previous: str | None = None
        self._replaced: list[weakref.ref[LoadedModel]] = []
        self.swapped = 0.0
        self._waiting: list[RequestContext] = []
        self._thread: BatchWorker | None = None
        metrics.models.start_at_zero(name)

    def swap(self, live: LoadedModel) -> None:
        """Makes `live` the serving version. Requests under way end on the one that they began."""
        metrics, replaced = self._metrics, self.live
        bound = VersionMetrics(metrics, live)
        if replaced is not None:
            before = self._bound[replaced.version]
            metrics.models.info.remove(*before.info)
            if before.asked:
                bound.expect_rows()
            # only requests keep the old version alive: what it takes goes when the last one ends
            self._replaced = [*self._still_there(), weakref.ref(replaced)]
        self.swapped = time.monotonic()
        self._bound[live.version] = bound
        self.live, self._previous = live, replaced.version if replaced else None
        metrics.models.info.labels(*bound.info).set(1)
        metrics.models.loaded.labels(self.name).set(live.loaded_at)
        metrics.models.reloads.labels(self.name, "swapped").inc()
        self._forget_versions()

    def challenge(self, challenger: Challenger | None, canary: Canary | None = None) -> None:
        """Makes `challenger` get copies, and `canary` requests; `None` ends what was there."""
        before, self.challenger, self.canary = self.challenger, challenger, canary
        if before is not None:
            self._metrics.models.info.remove(*before.info)
            before.close()
        if challenger is not None:
            self._metrics.models.info.labels(*challenger.info).set(1)
        if challenger is not None and challenger.live.version not in self._bound:
            # callers may ask for it by its version or label
            self._bound[challenger.live.version] = VersionMetrics(self._metrics, challenger.live)
        self._forget_versions()

    def _forget_versions(self) -> None:
        for version in self._bound.keys() - set(self.versions()) - {self._previous}:
            forgotten = self._bound.pop(version)
            self._metrics.forget_version(self.name, version, tuple(forgotten.outside))

    def busy_seconds(self) -> float:
        """How long the model has been at its present call in its thread; 0 where it is at none."""
        return self._thread.busy_seconds() if self._thread else 0.0

    def retire(self) -> None:
        """Ends the model: its series go. Requests under way end on the version that they began."""
        if self._thread is not None:
            self._thread.stop()
            self._thread = None
        self.challenge(None)
        if self.live is not None:
            self._metrics.models.info.remove(*self._bound[self.live.version].info)
        for version, bound in self._bound.items():
            self._metrics.forget_version(self.name, version, tuple(bound.outside))
        self._bound = {}
        self.live = self._previous = None
        self._metrics.models.forget_model(self.name)

    def versions(self) -> list[str]:
        """The versions that callers may ask for: the one that serves, and the challenger."""
        lives = (self.live, self.challenger.live if self.challenger else None)
        return list(dict.fromkeys(live.version for live in lives if live is not None))

    def ending(self) -> list[LoadedModel]:
        """The replaced versions that a request still runs on."""
        return [live for ref in self._still_there() if (live := ref()) is not None]

    def _still_there(self) -> list[weakref.ref[LoadedModel]]:
        return [ref for ref in self._replaced if ref() is not None]

    def bound_to(self, live: LoadedModel) -> VersionMetrics | None:
        """The series of a version; `None` where neither it nor its successor serves any more."""
        return self._bound.get(live.version)

    def run(self, context: RequestContext) -> Result:
        """Runs one request in the caller's thread."""
        context.queued = time.perf_counter()
        if context.queued > context.deadline:
            raise too_late()
        result = self._predict([context])[0]
        if isinstance(result, VigieError):
            raise result
        return result

    def require_room(self, live: LoadedModel) -> None:
        """Raises `Unavailable` where too much waits for a slow model already.

        Asked before a request is even decoded: what is refused should cost next to nothing.
        """
        if self._thread is not None and live.latency.slow:
            self._thread.require_room(live.latency)

    def submit(
        self, context: RequestContext, loop: asyncio.AbstractEventLoop, settle: Settle
    ) -> None:
        """Queues a request from the event loop; `settle` is told the result or a `VigieError`.

        It is the same for all requests of a worker. Raises `Unavailable` where too much waits for a
        slow model already.
        """
        context.queued = time.perf_counter()
        if context.live.latency.slow:
            if self._thread is None:
                self._thread = BatchWorker(
                    self.name, loop, self._depth, self.batches, self.run_batch, settle
                )
            self._thread.put(context)
        else:
            if not self._waiting:
                loop.call_soon(self._flush, settle)
            self._waiting.append(context)

    def _flush(self, settle: Settle) -> None:
        waiting, self._waiting = self._waiting, []
        for batch in self.batches(waiting):
            for context, result in zip(batch, self.run_batch(batch), strict=True):
                settle(context, result)

    def batches(self, waiting: Sequence[RequestContext]) -> Iterator[list[RequestContext]]:
        """The waiting requests in calls of at most the row cap, one version each, order kept."""
        batch: list[RequestContext] = []
        rows = 0
        for context in waiting:
            live, more = context.live, context.decoded.rows
            full = rows + more > live.latency.batch_rows
            if batch and (full or live is not batch[0].live):
                yield batch
                batch, rows = [], 0
            batch.append(context)
            rows += more
        if batch:
            yield batch

    def run_batch(self, batch: Sequence[RequestContext]) -> list[ResultOrError]:
        """One result per entry; what nobody waits for any more, or too late, is not run."""
        now = time.perf_counter()
        late = too_late()
        # asked once: a caller may leave while the model runs, and must not shift the others' rows
        due = [now <= context.deadline and not context.over for context in batch]
        contexts = [context for context, is_due in zip(batch, due, strict=True) if is_due]
        ran = iter(self._predict(contexts) if contexts else [])
        return [next(ran) if is_due else late for is_due in due]

    def _predict(self, contexts: Sequence[RequestContext]) -> list[ResultOrError]:
        """One result per request. Where a call fails, each runs alone: one cannot fail another."""
        live = contexts[0].live
        clock = clock_of(live.predictor)
        started, computing = time.perf_counter(), clock()
        try:
            decoded = Decoded.joined([context.decoded for context in contexts])
            answers = live.predictor.predict(decoded.columns)
        except VigieError as failure:
            if len(contexts) == 1:
                return [failure]
            return [self._predict([context])[0] for context in contexts]
        except Exception as cause:
            if len(contexts) == 1:
                failed = ModelFailure("The model failed on this input.", "internal")
                failed.__cause__ = cause
                return [failed]
            return [self._predict([context])[0] for context in contexts]
        infer_seconds = time.perf_counter() - started
        if live.images:
            _forget_pixels(live, [decoded, *(context.decoded for context in contexts)])
        live.latency.observe(decoded.rows, infer_seconds, clock() - computing)
        bound = self._bound.get(live.version)
        if bound is not None and bound.bins is not None:
            bound.bins.observe(decoded, answers.outputs)
        self._batch_sizes.observe(decoded.rows)
        parts = answers.parts([context.decoded.rows for context in contexts])
        return [
            Result(part, started - context.queued, infer_seconds)
            for context, part in zip(contexts, parts, strict=True)
        ]


def _forget_pixels(live: LoadedModel, used: Sequence[Decoded]) -> None:
    """What is counted and logged later keeps the figures of photos: pixels would pile up."""
    names = {item.name for item in live.images}
    for decoded in used:
        # whoever holds the columns keeps them whole
        kept = {name: values for name, values in decoded.columns.items() if name not in names}
        decoded.columns = kept
