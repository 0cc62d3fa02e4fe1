"""The life of a prediction request, the same behind both transports: Flask and the fast lane."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vigie.errors import Denied, InvalidHeader, InvalidInput, ModelFailure, Unavailable
from vigie.serving.admission import Admission
from vigie.serving.request_log import RequestLog
from vigie.serving.responses import explained, let_go, refusal, success
from vigie.serving.routing import TEMPLATES, Routes
from vigie.serving.runtime.messages import RequestContext, request_id_of
from vigie.serving.runtime.photo_decoding import PhotoDecoding
from vigie.settings import usable_cores

if TYPE_CHECKING:
    from vigie.errors import VigieError
    from vigie.predictionlog.log import PredictionLog
    from vigie.serving.metrics import Metrics
    from vigie.serving.routing import Route
    from vigie.serving.runtime.loaded_model import LoadedModel
    from vigie.serving.runtime.manager import ModelManager
    from vigie.serving.runtime.messages import Request, Response, Result
    from vigie.serving.runtime.model_slot import ModelSlot
    from vigie.settings import Settings


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that was answered: the response, and the result or the error that it tells."""

    response: Response
    context: RequestContext
    result: Result | None = None
    error: VigieError | None = None


class Pipeline:
    """Routes, decodes, runs and answers prediction requests of one worker."""

    def __init__(
        self,
        settings: Settings,
        manager: ModelManager,
        metrics: Metrics,
        prediction_log: PredictionLog,
    ) -> None:
        self._manager = manager
        self._metrics = metrics.http
        self._failures = metrics.models.failures
        self.request_log = RequestLog(settings.request_log)
        self.prediction_log = prediction_log
        self._timeout = settings.request_timeout_ms / 1000
        self.routes = Routes(settings, manager)
        self.route = self.routes.find
        self.decoding = PhotoDecoding(usable_cores())
        self.admission = Admission(settings, self.routes, self.decoding)
        self.access = self.admission.access
        metrics.http.in_progress.set_function(lambda: self.admission.in_flight)
        for template in TEMPLATES:
            metrics.http.start_route_at_zero("POST", template)

    def answer(self, request: Request, route: Route) -> Response:
        """Answers in the caller's thread (Flask)."""
        return self.run(request, route).response

    def run(self, request: Request, route: Route, *, admitted: bool = False) -> Answered:
        """Answers in the caller's thread, and gives what the response was made of.

        Who was `admitted` before, by a session, sends no key here.
        """
        context = self.open(request, route)
        try:
            if not admitted:
                self.access.admit(request.headers)
            slot = self.begin(context, route)
            self.decode(context, route, slot)
            context.deadline = self.deadline(request)
            result = slot.run(context)
            return Answered(self.complete(context, slot, result), context, result)
        except Exception as failure:
            error = explained(failure)
            response = self.refused(context, error)
            let_go(failure)
            return Answered(response, context, error=error)
        finally:
            self.close()

    def refuse(self, request: Request, route: Route, error: VigieError) -> Response:
        """The answer to a request that was not let in."""
        context = self.open(request, route)
        try:
            return self.refused(context, error)
        finally:
            self.close()

    def open(self, request: Request, route: Route) -> RequestContext:
        """What is known of a request that begins; it is under way until `close`."""
        self.admission.in_flight += 1
        return RequestContext(request, request_id_of(request), route.dialect, route.template)

    def close(self) -> None:
        """A request has ended."""
        self.admission.in_flight -= 1

    def begin(self, context: RequestContext, route: Route) -> ModelSlot:
        """Finds the version that answers a request whose key was taken."""
        self.admission.require_place()
        slot, live = self.routes.serving(route.model, route.version, route.label)
        context.live = live
        slot.require_room(live)
        return slot

    def decode(self, context: RequestContext, route: Route, slot: ModelSlot) -> None:
        """Decodes the request for the version that answers it."""
        request, live = context.request, context.live
        started = time.perf_counter()
        canary = None if route.pinned else slot.canary
        if canary is not None and canary.takes(request):
            # inputs that the challenger alone does not take are the champion's to answer
            with contextlib.suppress(InvalidInput):
                decoded = route.dialect.decode(request, canary.live)
                context.live = canary.live
        if context.live is live:
            decoded = route.dialect.decode(request, live)
        context.decoded, context.response_format = decoded.decoded, decoded.response_format
        context.decode_seconds = time.perf_counter() - started

    def deadline(self, request: Request) -> float:
        """Until when it may be answered, a reading of `time.perf_counter()`."""
        return request.received + self._allowed_seconds(request)

    def _allowed_seconds(self, request: Request) -> float:
        """How long the answer may take: what the caller says, and never more than the setting."""
        said = request.headers.get(b"x-request-timeout-ms")
        if said is None:
            return self._timeout
        if not said.isdigit() or len(said) > 9:
            raise InvalidHeader("X-Request-Timeout-Ms takes a whole number of milliseconds.")
        return min(int(said) / 1000, self._timeout)

    def complete(self, context: RequestContext, slot: ModelSlot, result: Result) -> Response:
        """The response to a request that the model has answered, counted and logged."""
        started = time.perf_counter()
        encoded = context.dialect.encode(context, result)
        encode_seconds = time.perf_counter() - started
        challenger = slot.challenger
        if challenger is not None:
            challenger.shadow(context, result)
        live = context.live
        logged = self.prediction_log.offer(
            context.request_id, live.document, live.version, context.decoded, result.answers
        )
        self._observe(context, slot, result, encode_seconds)
        response = success(context, encoded, result, encode_seconds, logged=logged)
        return self._count(context, response, live, context.decoded.rows)

    def _observe(
        self, context: RequestContext, slot: ModelSlot, result: Result, encode_seconds: float
    ) -> None:
        bound = slot.bound_to(context.live)
        if bound is None:
            return
        decoded = context.decoded
        bound.rows.observe(decoded.rows)
        bound.queue.observe(result.queue_seconds)
        bound.decode.observe(context.decode_seconds)
        bound.infer.observe(result.infer_seconds)
        bound.encode.observe(encode_seconds)
        if decoded.outside:
            for name, rows in decoded.outside.items():
                bound.outside[name].observe(len(rows))

    def refused(self, context: RequestContext, failure: VigieError) -> Response:
        """The response to a request that is refused or has failed, counted."""
        live = context.known_live
        if isinstance(failure, ModelFailure) and live is not None:
            slot = self._manager.slots.get(live.name)
            if slot is not None and slot.bound_to(live):
                self._failures.labels(live.name, live.version, failure.reason).inc()
        if isinstance(failure, Unavailable | Denied):
            self._metrics.rejected.labels(failure.reason).inc()
        elif failure.status == 504:
            self._metrics.rejected.labels("deadline").inc()
        response = refusal(context.dialect, context.request, live, failure, context.request_id)
        return self._count(context, response, live, failure=failure.__cause__)

    def _count(
        self,
        context: RequestContext,
        response: Response,
        live: LoadedModel | None,
        rows: int | None = None,
        failure: BaseException | None = None,
    ) -> Response:
        request, status = context.request, response.status
        seconds = time.perf_counter() - request.received
        self._metrics.count_request("POST", context.template, status, seconds)
        if status >= self.request_log.least_status:
            self.request_log.note(
                request, context.template, context.request_id, status, live, rows, failure
            )
        return response
