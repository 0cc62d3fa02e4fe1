"""The ASGI application of a worker: it answers predictions itself and hands the rest to Flask."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from vigie.errors import RETRY_SECONDS, VigieError
from vigie.serving.admission import IncomingBody
from vigie.serving.caller import ClientGone
from vigie.serving.http.wsgi import LateApp, WsgiApp, call_wsgi
from vigie.serving.responses import base_headers
from vigie.serving.runtime.messages import JSON, Request, Response, request_id_of
from vigie.serving.worker_state import WorkerState, assemble

if TYPE_CHECKING:
    from vigie.serving.caller import Receive
    from vigie.serving.routing import Route
    from vigie.settings import Settings

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]
CreateApp = Callable[[WorkerState], WsgiApp]

FLASK_THREADS = 4
FLASK_DELAY_SECONDS = 1.0
_PIECE_BYTES = 2**20


class AsgiApplication:
    """One worker's ASGI application."""

    def __init__(self, worker_state: WorkerState, app: WsgiApp) -> None:
        self.worker_state = worker_state
        self._app = app
        self._pipeline = worker_state.pipeline
        self._fast = worker_state.settings.fast_lane
        self._admission = worker_state.pipeline.admission
        self._threads = ThreadPoolExecutor(FLASK_THREADS, thread_name_prefix="flask")
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, or the start and stop of the worker."""
        if scope["type"] == "http":
            try:
                response = await self._answer(scope, receive)
            except ClientGone:
                return
            await send(
                {
                    "type": "http.response.start",
                    "status": response.status,
                    "headers": response.headers,
                }
            )
            await send({"type": "http.response.body", "body": response.body})
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1003})

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        request = Request(scope["method"], scope["path"], dict(scope["headers"]), b"")
        route = self.fast_route(request.method, request.path)
        if route is not None:
            return await self.predict(request, route, loop, receive)
        return await self._ask_flask(request, scope, receive)

    def fast_route(self, method: str, path: str) -> Route | None:
        """Where a prediction goes that needs no Flask; `None` for every other request."""
        return self._pipeline.route(path) if self._fast and method == "POST" else None

    async def predict(
        self, request: Request, route: Route, loop: asyncio.AbstractEventLoop, receive: Receive
    ) -> Response:
        """Answers a request, whose body is read where there is none yet.

        Raises `ClientGone`, the work not done.
        """
        if request.body and len(request.body) <= self._admission.free_bytes:
            return await self._pipeline.answer_soon(request, route, loop, receive)
        incoming = IncomingBody(self._admission, request, route)
        request.let_go = incoming.let_go
        try:
            await self._take_body(request, incoming, receive)
            return await self._pipeline.answer_soon(request, route, loop, receive)
        except VigieError as error:
            return self._pipeline.refuse(request, route, error)
        finally:
            incoming.let_go()

    async def _ask_flask(self, request: Request, scope: Scope, receive: Receive) -> Response:
        """Answers whatever is no prediction of the fast lane."""
        loop = asyncio.get_running_loop()
        route = self._pipeline.route(request.path) if request.method == "POST" else None
        incoming = IncomingBody(self._admission, request, route)
        try:
            await self._take_body(request, incoming, receive)
            if self._is_health(request):
                return self._health(request)
            return await loop.run_in_executor(self._threads, call_wsgi, self._app, request, scope)
        except VigieError as error:
            if route is not None:
                return self._pipeline.refuse(request, route, error)
            # it asks for the key itself, and says it as every other error is said
            request.body = b""
            return await loop.run_in_executor(
                self._threads, call_wsgi, self._app, request, scope, error
            )
        finally:
            incoming.let_go()

    def _is_health(self, request: Request) -> bool:
        asked = request.path in ("/livez", "/readyz") and request.method in ("GET", "HEAD")
        return self._fast and asked

    async def _take_body(self, request: Request, incoming: IncomingBody, receive: Receive) -> None:
        """Reads the whole body as far as it is let in; a refusal is a `VigieError`."""
        if request.body:
            incoming.grow(len(request.body))
            return
        declared = request.headers.get(b"content-length")
        if declared is not None:
            incoming.grow(int(declared))
        message = await receive()
        request.body = message.get("body", b"")
        if message.get("more_body"):
            message = await _read_rest(request, incoming, receive)
        else:
            incoming.grow(len(request.body))
        if message["type"] == "http.disconnect":
            raise ClientGone

    def _health(self, request: Request) -> Response:
        status, body = 200, b'{"status":"alive"}'
        if request.path == "/readyz":
            status, body = self.worker_state.manager.readiness()
        self.worker_state.metrics.http.count_request(request.method, request.path, status, 0.0)
        request_id = request_id_of(request)
        self._note(request, request.path, request_id, status)
        headers = base_headers(JSON, body, request_id)
        if status == 503:
            headers.append((b"retry-after", b"%d" % RETRY_SECONDS))
        return Response(status, headers, body if request.method != "HEAD" else b"")

    def _note(self, request: Request, route: str, request_id: str, status: int) -> None:
        request_log = self._pipeline.request_log
        if status >= request_log.least_status:
            request_log.note(request, route, request_id, status)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
                if isinstance(self._app, LateApp):
                    asyncio.get_running_loop().call_later(
                        FLASK_DELAY_SECONDS, self._threads.submit, self._app.make
                    )
            elif message["type"] == "lifespan.shutdown":
                self.worker_state.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


async def _read_rest(request: Request, incoming: IncomingBody, receive: Receive) -> dict[str, Any]:
    """Reads what follows the first piece of a body; the last message.

    A small body is joined once, as one in tiny pieces must cost little. What is large grows piece
    by piece: to join it would hold up the loop.
    """
    pieces, size = [bytes(request.body)], len(request.body)
    grown = bytearray()
    while True:
        message = await receive()
        piece = message.get("body", b"")
        pieces.append(piece)
        size += len(piece)
        incoming.grow(size)
        more = message.get("more_body")
        if not more and not grown:
            request.body = b"".join(pieces)
            return message
        if not more or size - len(grown) >= _PIECE_BYTES:
            grown += b"".join(pieces)
            pieces = []
        if not more:
            request.body = grown
            # the time that a caller takes to send so much is not the service's
            request.received = time.perf_counter()
            return message


def create_asgi_app(settings: Settings, create_app: CreateApp) -> AsgiApplication:
    """The service as an ASGI application, its models loaded.

    `create_app` makes the application that answers whatever is no prediction, when it is needed.
    """
    worker_state = assemble(settings)
    worker_state.start()
    app = LateApp(lambda: _create(worker_state, create_app))
    if not worker_state.settings.fast_lane:
        app.make()
    return AsgiApplication(worker_state, app)


def _create(worker_state: WorkerState, create_app: CreateApp) -> WsgiApp:
    app = create_app(worker_state)
    # what came with Flask would else be gone through at each swap, with the loop held up
    gc.freeze()
    return app
