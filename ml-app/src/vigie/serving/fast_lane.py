"""The fast lane: predictions answered from the event loop, without a thread and without a task."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from vigie.errors import VigieError
from vigie.serving.responses import explained, let_go
from vigie.serving.runtime.batching import too_late

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from vigie.serving.metrics import Metrics
    from vigie.serving.pipeline import Pipeline
    from vigie.serving.routing import Route
    from vigie.serving.runtime.messages import Request, RequestContext, Response, Result


class FastLane:
    """Takes requests through the pipeline of one worker; all of it runs in the event loop."""

    def __init__(self, pipeline: Pipeline, metrics: Metrics) -> None:
        self._pipeline = pipeline
        self._rejected = metrics.http.rejected

    def answer(
        self,
        request: Request,
        route: Route,
        loop: asyncio.AbstractEventLoop,
        reply: Callable[[Response], None],
    ) -> RequestContext:
        """Answers a request.

        `reply` gets the response, once: in this call where it is a refusal, else in a later turn of
        the loop. `give_up` takes the request back.
        """
        context = self._pipeline.open(request, route)
        context.reply = reply
        try:
            self._pipeline.access.admit(request.headers)
            slot = context.slot = self._pipeline.begin(context, route)
            if context.live.images:
                self._decode_beside(context, route, loop)
            else:
                self._pipeline.decode(context, route, slot)
                context.deadline = self._pipeline.deadline(request)
                self._submit(context, loop)
        except Exception as failure:
            self._fail(context, failure)
        return context

    def give_up(self, context: RequestContext) -> None:
        """Nobody waits for the answer any more: what has not begun is not done."""
        if self._end(context):
            self._rejected.labels("gone").inc()
            context.request.body = b""

    def _decode_beside(
        self, context: RequestContext, route: Route, loop: asyncio.AbstractEventLoop
    ) -> None:
        """Decodes photos in a thread, and then runs the model."""
        self._pipeline.decoding.require_room()
        request, slot = context.request, context.slot
        context.deadline = self._pipeline.deadline(request)
        context.timer = loop.call_later(self._left(context), self._expire, context)
        decoded = self._pipeline.decoding.start(
            lambda: None if context.over else self._pipeline.decode(context, route, slot),
            len(request.body), context.deadline, loop,
        )  # fmt: skip
        decoded.add_done_callback(lambda done: self._decoded(context, loop, done))

    def _decoded(
        self, context: RequestContext, loop: asyncio.AbstractEventLoop, done: asyncio.Future[None]
    ) -> None:
        failure, request = done.exception(), context.request
        if context.over:
            return
        if isinstance(failure, Exception):
            self._fail(context, failure)
            return
        if context.slot.challenger is None:
            # pixels are left of it, and a large body is better gone
            request.body = b""
            if request.let_go is not None:
                request.let_go()
        try:
            context.slot.submit(context, loop, self._settle)
        except Exception as refused:
            self._fail(context, refused)

    def _submit(self, context: RequestContext, loop: asyncio.AbstractEventLoop) -> None:
        context.slot.submit(context, loop, self._settle)
        if context.live.latency.slow:
            # the answer of a model that hangs would never come: the deadline's does
            context.timer = loop.call_later(self._left(context), self._expire, context)

    def _left(self, context: RequestContext) -> float:
        return max(context.deadline - time.perf_counter(), 0.0)

    def _expire(self, context: RequestContext) -> None:
        self._fail(context, too_late())

    def _settle(self, context: RequestContext, result: Result | VigieError) -> None:
        """Answers a request that the loop waited for, with what became of it."""
        if context.over:
            return
        if isinstance(result, VigieError):
            self._fail(context, result)
            return
        try:
            response = self._pipeline.complete(context, context.slot, result)
        except Exception as failure:
            self._fail(context, failure)
            return
        self._answer(context, response)

    def _fail(self, context: RequestContext, failure: Exception) -> None:
        if not context.over:
            response = self._pipeline.refused(context, explained(failure))
            context.request.body = b""
            let_go(failure)
            self._answer(context, response)

    def _answer(self, context: RequestContext, response: Response) -> None:
        if self._end(context) and context.reply is not None:
            context.reply(response)

    def _end(self, context: RequestContext) -> bool:
        """Whether this is what ends the request; it may be answered and given up at once."""
        if context.over:
            return False
        context.over = True
        self._pipeline.close()
        if context.timer is not None:
            context.timer.cancel()
            context.timer = None
        return True
