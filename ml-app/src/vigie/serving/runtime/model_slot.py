"""A slot: one served model. Holds the live version, swaps it, turns waiting jobs into batches.

A quick model runs in the event loop, and all jobs that arrived in one turn of the loop form a
batch: no timer, no added wait. A slow one runs in one thread of lower priority; what waits
meanwhile is the next batch.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence

from vigie.errors import ModelFailure, VigieError
from vigie.models.decoded import Decoded
from vigie.serving.metrics import Metrics
from vigie.serving.runtime.batching import ModelThread, Result, Waiting, settle, too_late
from vigie.serving.runtime.challenger import Canary, Challenger
from vigie.serving.runtime.job import Job, Outcome
from vigie.serving.runtime.loaded_model import LiveMetrics, LiveModel, clock_of


class Slot:
    """One served model in one worker."""

    def __init__(self, name: str, metrics: Metrics, batch_rows: int) -> None:
        self.name = name
        self.live: LiveModel | None = None
        self.challenger: Challenger | None = None
        self.canary: Canary | None = None
        self._bound: dict[str, LiveMetrics] = {}
        self._metrics = metrics
        self._batch_rows = batch_rows
        self._batch_sizes = metrics.models.batch_rows.labels(name)
        self._depth = metrics.models.queue_depth.labels(name)
        self._previous: str | None = None
        self._replaced: list[weakref.ref[LiveModel]] = []
        self.swapped = 0.0
        self._waiting: list[Waiting] = []
        self._thread: ModelThread | None = None
        metrics.models.start_at_zero(name)

    def swap(self, live: LiveModel) -> None:
        """Makes `live` the serving version. Jobs that are under way end on the one they began."""
        metrics, replaced = self._metrics, self.live
        bound = LiveMetrics(metrics, live)
        if replaced is not None:
            metrics.models.info.remove(*self._bound[replaced.version].info)
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
            self._bound[challenger.live.version] = LiveMetrics(self._metrics, challenger.live)
        self._forget_versions()

    def _forget_versions(self) -> None:
        for version in self._bound.keys() - set(self.versions()) - {self._previous}:
            forgotten = self._bound.pop(version)
            self._metrics.forget_version(self.name, version, tuple(forgotten.outside))

    def busy_seconds(self) -> float:
        """How long the model has been at its present call in its thread; 0 where it is at none."""
        return self._thread.busy_seconds() if self._thread else 0.0

    def retire(self) -> None:
        """Ends the model: its series go. Jobs that are under way end on the version they began."""
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

    def ending(self) -> list[LiveModel]:
        """The replaced versions that a request still runs on."""
        return [live for ref in self._still_there() if (live := ref()) is not None]

    def _still_there(self) -> list[weakref.ref[LiveModel]]:
        return [ref for ref in self._replaced if ref() is not None]

    def bound_to(self, live: LiveModel) -> LiveMetrics | None:
        """The series of a version; `None` where neither it nor its successor serves any more."""
        return self._bound.get(live.version)

    def run(self, job: Job) -> Outcome:
        """Runs one job in the caller's thread."""
        job.queued = time.perf_counter()
        if job.queued > job.deadline:
            raise too_late()
        result = self._run_jobs([job])[0]
        if isinstance(result, VigieError):
            raise result
        return result

    def require_room(self, live: LiveModel) -> None:
        """Raises `Unavailable` where too much waits for a slow model already.

        Asked before a request is even decoded: what is refused should cost next to nothing.
        """
        if self._thread is not None and live.pace.slow:
            self._thread.require_room(live.pace)

    def submit(self, job: Job, loop: asyncio.AbstractEventLoop) -> asyncio.Future[Outcome]:
        """Queues a job from the event loop; the future gives its outcome or a `VigieError`.

        Raises `Unavailable` where too much waits for a slow model already.
        """
        job.queued = time.perf_counter()
        future: asyncio.Future[Outcome] = loop.create_future()
        if job.live.pace.slow:
            if self._thread is None:
                self._thread = ModelThread(
                    self.name, loop, self._depth, self.batches, self.run_batch
                )
            self._thread.put((job, future))
        else:
            if not self._waiting:
                loop.call_soon(self._flush)
            self._waiting.append((job, future))
        return future

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for batch in self.batches(waiting):
            settle(batch, self.run_batch(batch))

    def batches(self, waiting: Sequence[Waiting]) -> Iterator[list[Waiting]]:
        """The waiting jobs in calls of at most the row cap, one version each, order kept."""
        batch: list[Waiting] = []
        rows = 0
        for entry in waiting:
            job = entry[0]
            full = rows + job.decoded.rows > self._batch_rows
            if batch and (full or job.live is not batch[0][0].live):
                yield batch
                batch, rows = [], 0
            batch.append(entry)
            rows += job.decoded.rows
        if batch:
            yield batch

    def run_batch(self, batch: Sequence[Waiting]) -> list[Result]:
        """One result per entry; what nobody waits for any more, or too late, is not run."""
        now = time.perf_counter()
        late = too_late()
        # asked once: a caller may leave while the model runs, and must not shift the others' rows
        due = [now <= job.deadline and not future.done() for job, future in batch]
        jobs = [job for (job, _), is_due in zip(batch, due, strict=True) if is_due]
        ran = iter(self._run_jobs(jobs) if jobs else [])
        return [next(ran) if is_due else late for is_due in due]

    def _run_jobs(self, jobs: Sequence[Job]) -> list[Result]:
        """One result per job. Where a call fails, each job runs alone: one cannot fail another."""
        live = jobs[0].live
        clock = clock_of(live.predictor)
        started, computing = time.perf_counter(), clock()
        try:
            decoded = _joined(jobs)
            answers = live.predictor.predict(decoded.columns)
        except VigieError as failure:
            if len(jobs) == 1:
                return [failure]
            return [self._run_jobs([job])[0] for job in jobs]
        except Exception as cause:
            if len(jobs) == 1:
                failed = ModelFailure("The model failed on this input.", "internal")
                failed.__cause__ = cause
                return [failed]
            return [self._run_jobs([job])[0] for job in jobs]
        infer_seconds = time.perf_counter() - started
        live.pace.observe(decoded.rows, infer_seconds, clock() - computing)
        bound = self._bound.get(live.version)
        if bound is not None and bound.bins is not None:
            bound.bins.observe(decoded, answers.outputs)
        results: list[Result] = []
        start = 0
        for job in jobs:
            stop = start + job.decoded.rows
            part = answers if len(jobs) == 1 else answers.rows(start, stop)
            results.append(Outcome(part, started - job.queued, infer_seconds))
            start = stop
        self._batch_sizes.observe(start)
        return results


def _joined(jobs: Sequence[Job]) -> Decoded:
    first = jobs[0].decoded
    if len(jobs) == 1:
        return first
    columns = {name: list(values) for name, values in first.columns.items()}
    missing = Counter(first.missing)
    rows = first.rows
    for job in jobs[1:]:
        rows += job.decoded.rows
        for name, values in job.decoded.columns.items():
            columns[name].extend(values)
        if job.decoded.missing:
            missing.update(job.decoded.missing)
    return Decoded(rows, columns, {}, missing)
