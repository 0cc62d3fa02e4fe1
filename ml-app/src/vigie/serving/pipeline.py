"""The life of a prediction request: what both doors, Flask and the fast lane, have in common."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from vigie.errors import Denied, InvalidHeader, InvalidInput, ModelFailure, Unavailable, VigieError
from vigie.monitoring.metrics import Metrics
from vigie.predictionlog.log import PredictionLog
from vigie.serving.auth.access import Access
from vigie.serving.problems import problem_headers
from vigie.serving.request_log import RequestLog
from vigie.serving.routing import TEMPLATES, Route, Routes
from vigie.serving.runtime.dialect import Dialect
from vigie.serving.runtime.job import Job, Outcome
from vigie.serving.runtime.loaded_model import LiveModel
from vigie.serving.runtime.manager import Fleet
from vigie.serving.runtime.messages import Call, Reply, request_id_of
from vigie.serving.runtime.model_slot import Slot
from vigie.settings import Settings

MAX_IN_FLIGHT = 1024
"""Predictions at once in one worker; above it 503."""
NOSNIFF = (b"x-content-type-options", b"nosniff")
LOGGED = (b"x-prediction-logged", b"true")
NOT_LOGGED = (b"x-prediction-logged", b"false")


Receive = Callable[[], Awaitable[dict[str, Any]]]


class ClientGone(Exception):
    """The caller closed the connection before there was an answer."""


@dataclass(slots=True)
class Work:
    """One request between its first and its last step."""

    call: Call
    route: Route
    request_id: str
    live: LiveModel | None = None
    slot: Slot | None = None
    decode_seconds: float = 0.0


class Pipeline:
    """Routes, decodes, runs and answers prediction requests of one worker."""

    def __init__(
        self, settings: Settings, fleet: Fleet, metrics: Metrics, prediction_log: PredictionLog
    ) -> None:
        self._fleet = fleet
        self._metrics = metrics
        self.request_log = RequestLog(settings.request_log)
        self.prediction_log = prediction_log
        self._timeout = settings.request_timeout_ms / 1000
        self._max_in_flight = MAX_IN_FLIGHT
        self._in_flight = 0
        self.access = Access(settings.api_keys)
        self.routes = Routes(settings, fleet)
        self.route = self.routes.find
        metrics.in_progress.set_function(lambda: self._in_flight)
        for template in TEMPLATES:
            metrics.start_route_at_zero("POST", template)

    def answer(self, call: Call, route: Route) -> Reply:
        """Answers in the caller's thread (the Flask door)."""
        work = self._open(call, route)
        try:
            slot, job = self._begin(work)
            return self._complete(work, slot, job, slot.run(job))
        except Exception as failure:
            return self._refuse(work, failure)
        finally:
            self._close()

    async def answer_soon(
        self, call: Call, route: Route, loop: asyncio.AbstractEventLoop, receive: Receive
    ) -> Reply:
        """Answers from the event loop (the fast lane). Raises `ClientGone`, the work not done."""
        work = self._open(call, route)
        try:
            slot, job = self._begin(work)
            soon = slot.submit(job, loop)
            if job.live.pace.slow:
                await _wait_with(receive, soon, loop)
            return self._complete(work, slot, job, await soon)
        except ClientGone:
            self._metrics.rejected.labels("gone").inc()
            raise
        except Exception as failure:
            return self._refuse(work, failure)
        finally:
            self._close()

    def _open(self, call: Call, route: Route) -> Work:
        self._in_flight += 1
        return Work(call, route, request_id_of(call))

    def _close(self) -> None:
        self._in_flight -= 1

    def _begin(self, work: Work) -> tuple[Slot, Job]:
        self.access.admit(work.call.headers)
        if self._in_flight > self._max_in_flight:
            raise Unavailable("The service is full; try again soon.", "full")
        route = work.route
        slot, live = self.routes.serving(route.model, route.version, route.label)
        work.live, work.slot = live, slot
        slot.require_room(live)
        started = time.perf_counter()
        canary = None if route.pinned else slot.canary
        if canary is not None and canary.takes(work.call):
            # inputs that the challenger alone does not take are the champion's to answer
            with contextlib.suppress(InvalidInput):
                asked = route.dialect.decode(work.call, canary.live)
                work.live = canary.live
        if work.live is live:
            asked = route.dialect.decode(work.call, live)
        work.decode_seconds = time.perf_counter() - started
        deadline = work.call.received + self._allowed_seconds(work.call)
        return slot, Job(work.live, asked.decoded, deadline, wish=asked.wish)

    def _allowed_seconds(self, call: Call) -> float:
        """How long the answer may take: what the caller says, and never more than the setting."""
        said = call.headers.get(b"x-request-timeout-ms")
        if said is None:
            return self._timeout
        if not said.isdigit() or len(said) > 9:
            raise InvalidHeader("X-Request-Timeout-Ms takes a whole number of milliseconds.")
        return min(int(said) / 1000, self._timeout)

    def _complete(self, work: Work, slot: Slot, job: Job, outcome: Outcome) -> Reply:
        started = time.perf_counter()
        written = work.route.dialect.encode(job, outcome, work.request_id)
        encode_seconds = time.perf_counter() - started
        challenger = slot.challenger
        if challenger is not None:
            challenger.offer(work.call, work.route.dialect, job, outcome)
        live = job.live
        document = live.predictor.package.document
        logged = self.prediction_log.offer(
            work.request_id, document, live.version, job.decoded, outcome.answers
        )
        self._observe(work, slot, job, outcome, encode_seconds)
        timing = (
            f"queue;dur={outcome.queue_seconds * 1e3:.3f}, "
            f"decode;dur={work.decode_seconds * 1e3:.3f}, "
            f"infer;dur={outcome.infer_seconds * 1e3:.3f}, "
            f"encode;dur={encode_seconds * 1e3:.3f}"
        )
        headers = [
            (b"content-type", written.media_type),
            (b"content-length", b"%d" % len(written.body)),
            (b"x-request-id", work.request_id.encode()),
            NOSNIFF,
            *live.headers,
            LOGGED if logged else NOT_LOGGED,
            (b"server-timing", timing.encode()),
        ]
        if written.headers is not None:
            headers += written.headers
        return self._count(work, Reply(written.status, headers, written.body), job.decoded.rows)

    def _observe(
        self, work: Work, slot: Slot, job: Job, outcome: Outcome, encode_seconds: float
    ) -> None:
        bound = slot.bound_to(job.live)
        if bound is None:
            return
        bound.rows.observe(job.decoded.rows)
        bound.queue.observe(outcome.queue_seconds)
        bound.decode.observe(work.decode_seconds)
        bound.infer.observe(outcome.infer_seconds)
        bound.encode.observe(encode_seconds)
        for name, rows in job.decoded.outside.items():
            bound.outside[name].inc(len(rows))

    def _refuse(self, work: Work, failure: Exception) -> Reply:
        cause = failure.__cause__
        if not isinstance(failure, VigieError):
            cause, failure = failure, VigieError("The service failed; its log has the cause.")
        live = work.live
        if isinstance(failure, ModelFailure) and live and work.slot and work.slot.bound_to(live):
            self._metrics.failures.labels(live.name, live.version, failure.reason).inc()
        if isinstance(failure, Unavailable | Denied):
            self._metrics.rejected.labels(failure.reason).inc()
        elif failure.status == 504:
            self._metrics.rejected.labels("deadline").inc()
        reply = refusal(work.route.dialect, work.call, live, failure, work.request_id)
        return self._count(work, reply, failure=cause)

    def _count(
        self,
        work: Work,
        reply: Reply,
        rows: int | None = None,
        failure: BaseException | None = None,
    ) -> Reply:
        template, status = work.route.template, reply.status
        seconds = time.perf_counter() - work.call.received
        self._metrics.count_request("POST", template, status, seconds)
        if status >= self.request_log.least_status:
            self.request_log.note(
                work.call, template, work.request_id, status, work.live, rows, failure
            )
        return reply


async def _wait_with(
    receive: Receive, soon: asyncio.Future[Outcome], loop: asyncio.AbstractEventLoop
) -> None:
    """Waits for the outcome or until the caller has gone: then nobody needs it any more."""
    # after the whole body, only the end of the connection can come
    gone = asyncio.ensure_future(receive(), loop=loop)
    try:
        await asyncio.wait((soon, gone), return_when=asyncio.FIRST_COMPLETED)
        if not soon.done():
            raise ClientGone
    finally:
        soon.cancel()
        gone.cancel()


def refusal(
    dialect: Dialect, call: Call, live: LiveModel | None, error: VigieError, request_id: str
) -> Reply:
    """A refusal in the words of a dialect."""
    written = dialect.refuse(call, live, error, request_id)
    headers = [
        (b"content-type", written.media_type),
        (b"content-length", b"%d" % len(written.body)),
        (b"x-request-id", request_id.encode()),
        NOSNIFF,
        *(live.headers if live else ()),
        *problem_headers(error),
    ]
    return Reply(written.status, headers, written.body)
