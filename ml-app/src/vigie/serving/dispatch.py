"""Who answers a request: the pipeline a prediction, the worker its health, Flask all the rest."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from vigie.errors import Unavailable
from vigie.serving.admission import IncomingBody
from vigie.serving.fast_lane import FastLane
from vigie.serving.health import health_of
from vigie.serving.responses import base_headers, problem_response
from vigie.serving.runtime.batching import too_late
from vigie.serving.runtime.messages import Response, request_id_of
from vigie.serving.wsgi import LATE, REFUSAL, WsgiThreads, environ_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from vigie.errors import VigieError
    from vigie.serving.routing import Route
    from vigie.serving.runtime.messages import Request, RequestContext
    from vigie.serving.worker_state import WorkerState
    from vigie.serving.wsgi import Address, WsgiApp

    Respond = Callable[[Response], None]

FLASK_THREADS, FEEDBACK_THREADS = 4, 2
FEEDBACK = "/feedback"


class Peer(NamedTuple):
    """The two ends of a connection."""

    client: Address
    server: Address


def peer_of(transport: asyncio.BaseTransport) -> Peer:
    """Both internet addresses; a socket of the file system has none."""
    ends = (transport.get_extra_info(name) for name in ("peername", "sockname"))
    return Peer(*(end if isinstance(end, tuple) else ("localhost", 0) for end in ends))


class Dispatcher:
    """Hands the requests of one worker to whoever answers them."""

    def __init__(self, worker_state: WorkerState, app: WsgiApp) -> None:
        self.worker_state = worker_state
        self._pipeline = worker_state.pipeline
        self.free_bytes = worker_state.pipeline.admission.free_bytes
        """A body up to this size needs nobody's leave."""
        self._fast = worker_state.settings.fast_lane
        self._fast_lane = FastLane(worker_state.pipeline, worker_state.metrics)
        self._seconds = worker_state.settings.request_timeout_ms / 1000
        self._flask = WsgiThreads(app, "flask", FLASK_THREADS)
        # a database that hangs takes these threads and no others
        self._feedback = WsgiThreads(app, "feedback", FEEDBACK_THREADS)

    def route(self, request: Request) -> Route | None:
        """Where a prediction goes; `None` for every other request."""
        return self._pipeline.route(request.path) if request.method == "POST" else None

    def incoming(self, request: Request) -> IncomingBody:
        """The body of a request, which asks to be let in as it grows."""
        return IncomingBody(self._pipeline.admission, request, self.route(request))

    def answer(self, request: Request, peer: Peer, reply: Respond) -> RequestContext | None:
        """Has a whole request answered, now or in a later turn of the loop.

        What it gives is for `give_up`; `None` where the work cannot be taken back.
        """
        if self._fast:
            route = self.route(request)
            if route is not None:
                loop = asyncio.get_running_loop()
                return self._fast_lane.answer(request, route, loop, reply)
            if request.method in ("GET", "HEAD") and (health := self._health(request)):
                reply(health)
                return None
        self._ask_flask(request, peer, reply, None)
        return None

    def give_up(self, context: RequestContext) -> None:
        """Nobody waits for the answer any more."""
        self._fast_lane.give_up(context)

    def refuse(self, request: Request, error: VigieError, peer: Peer, reply: Respond) -> None:
        """Has a request answered whose body was not let in."""
        request.body = b""
        route = self.route(request)
        if route is not None:
            reply(self._pipeline.refuse(request, route, error))
        else:
            # it asks for the key itself, and says it as every other error is said
            self._ask_flask(request, peer, reply, error)

    def _ask_flask(
        self, request: Request, peer: Peer, reply: Respond, refusal: VigieError | None
    ) -> None:
        loop = asyncio.get_running_loop()
        environ = environ_of(request, *peer)
        if refusal is not None:
            environ[REFUSAL] = refusal

        def answer(response: Response) -> None:
            if LATE not in environ:
                late.cancel()
                reply(response)

        def say_late() -> None:
            # whatever comes now is nobody's, least of all the next request's of this connection
            environ[LATE] = True
            reply(self._problem(request, _late_error(request)))

        late = loop.call_later(self._seconds, say_late)
        threads = self._feedback if request.path == FEEDBACK else self._flask
        try:
            threads.submit(environ, loop, answer)
        except Unavailable as full:
            late.cancel()
            reply(self._problem(request, full))

    def _problem(self, request: Request, error: VigieError) -> Response:
        """An error that Flask has no time for."""
        metrics = self.worker_state.metrics.http
        request_id = request_id_of(request)
        reason = error.reason if isinstance(error, Unavailable) else "deadline"
        metrics.rejected.labels(reason).inc()
        route = FEEDBACK if request.path == FEEDBACK else "(none)"
        self._count(request, route, request_id, error.status)
        return problem_response(error, request_id)

    def _health(self, request: Request) -> Response | None:
        found = health_of(request.path, self.worker_state.manager)
        if found is None:
            return None
        status, body, media_type, more = found
        request_id = request_id_of(request)
        self._count(request, request.path, request_id, status)
        headers = [*base_headers(media_type, body, request_id), *more]
        return Response(status, headers, body if request.method != "HEAD" else b"")

    def _count(self, request: Request, route: str, request_id: str, status: int) -> None:
        self.worker_state.metrics.http.count_request(request.known_method, route, status, 0.0)
        request_log = self._pipeline.request_log
        if status >= request_log.least_status:
            request_log.note(request, route, request_id, status)


def _late_error(request: Request) -> VigieError:
    if request.path == FEEDBACK:
        return Unavailable("The database does not answer; try again soon.", "database")
    return too_late()
