"""The ASGI application of a worker: it answers predictions itself and hands the rest to Flask."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from vigie.errors import RETRY_SECONDS, TooLarge
from vigie.serving.http.wsgi import LateApp, WsgiApp, call_wsgi
from vigie.serving.pipeline import ClientGone, base_headers, refusal
from vigie.serving.problems import MEDIA_TYPE, problem_body
from vigie.serving.runtime.messages import JSON, Request, Response, request_id_of
from vigie.serving.worker_state import WorkerState, assemble

if TYPE_CHECKING:
    from vigie.serving.pipeline import Receive
    from vigie.serving.routing import Route
    from vigie.settings import Settings

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]
CreateApp = Callable[[WorkerState], WsgiApp]

FLASK_THREADS = 4
FLASK_DELAY_SECONDS = 1.0


class AsgiApplication:
    """One worker's ASGI application."""

    def __init__(self, worker_state: WorkerState, app: WsgiApp) -> None:
        self.worker_state = worker_state
        self._app = app
        self._pipeline = worker_state.pipeline
        self._fast = worker_state.settings.fast_lane
        self._most_bytes = worker_state.settings.max_body_bytes
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
        try:
            request.body = await self._read_body(request, receive)
        except TooLarge as error:
            return self._refuse(request, error)
        if (
            self._fast
            and request.path in ("/livez", "/readyz")
            and request.method in ("GET", "HEAD")
        ):
            return self._health(request)
        return await loop.run_in_executor(self._threads, call_wsgi, self._app, request, scope)

    def fast_route(self, method: str, path: str) -> Route | None:
        """Where a prediction goes that needs no Flask; `None` for every other request."""
        return self._pipeline.route(path) if self._fast and method == "POST" else None

    async def predict(
        self, request: Request, route: Route, loop: asyncio.AbstractEventLoop, receive: Receive
    ) -> Response:
        """Answers a request, whose body is read where there is none yet.

        Raises `ClientGone`, the work not done.
        """
        try:
            if not request.body:
                request.body = await self._read_body(request, receive)
            elif len(request.body) > self._most_bytes:
                raise self._too_large()
        except TooLarge as error:
            return self._refuse(request, error)
        return await self._pipeline.answer_soon(request, route, loop, receive)

    async def _read_body(self, request: Request, receive: Receive) -> bytes:
        declared = request.headers.get(b"content-length")
        if declared is not None and int(declared) > self._most_bytes:
            raise self._too_large()
        message = await receive()
        body: bytes = message.get("body", b"")
        if message.get("more_body") and len(body) <= self._most_bytes:
            message, body = await self._read_rest(body, receive)
        if len(body) > self._most_bytes:
            raise self._too_large()
        if message["type"] == "http.disconnect":
            raise ClientGone
        return body

    def _too_large(self) -> TooLarge:
        return TooLarge(f"The body is above the limit of {self._most_bytes} bytes.")

    async def _read_rest(self, first: bytes, receive: Receive) -> tuple[dict[str, Any], bytes]:
        """The last message and the body; joined once, as a body in tiny pieces must cost little."""
        pieces, size = [first], len(first)
        while True:
            message = await receive()
            piece = message.get("body", b"")
            pieces.append(piece)
            size += len(piece)
            if not message.get("more_body") or size > self._most_bytes:
                return message, b"".join(pieces)

    def _refuse(self, request: Request, error: TooLarge) -> Response:
        request_id = request_id_of(request)
        routes = self._pipeline.routes
        route = routes.find(request.path)
        template = route.template if route else "(none)"
        self.worker_state.metrics.http.count_request(
            request.known_method, template, error.status, 0.0
        )
        self._note(request, template, request_id, error.status)
        dialect = routes.dialect_of(request.path)
        if dialect is not None:
            return refusal(dialect, request, None, error, request_id)
        body = problem_body(error, request_id)
        return Response(error.status, base_headers(MEDIA_TYPE, body, request_id), body)

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
