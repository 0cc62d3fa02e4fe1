"""The front: an ASGI application that answers predictions itself and hands the rest to Flask."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from vigie.errors import TooLarge
from vigie.serving.http.wsgi import LateApp, WsgiApp, call_wsgi
from vigie.serving.pipeline import NOSNIFF, ClientGone, Receive, refusal
from vigie.serving.problems import MEDIA_TYPE, problem_body
from vigie.serving.routing import Route
from vigie.serving.runtime.dialect import JSON
from vigie.serving.runtime.messages import Call, Reply, request_id_of
from vigie.serving.runtime.readiness import readiness
from vigie.serving.worker_state import Services, assemble
from vigie.settings import Settings

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]
CreateApp = Callable[[Services], WsgiApp]

FLASK_THREADS = 4
FLASK_DELAY_SECONDS = 1.0


class Front:
    """One worker's ASGI application."""

    def __init__(self, services: Services, app: WsgiApp) -> None:
        self.services = services
        self._app = app
        self._pipeline = services.pipeline
        self._fast = services.settings.fast_lane
        self._most_bytes = services.settings.max_body_bytes
        self._threads = ThreadPoolExecutor(FLASK_THREADS, thread_name_prefix="flask")
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, or the start and stop of the worker."""
        if scope["type"] == "http":
            try:
                reply = await self._answer(scope, receive)
            except ClientGone:
                return
            await send(
                {"type": "http.response.start", "status": reply.status, "headers": reply.headers}
            )
            await send({"type": "http.response.body", "body": reply.body})
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1003})

    async def _answer(self, scope: Scope, receive: Receive) -> Reply:
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        call = Call(scope["method"], scope["path"], dict(scope["headers"]), b"")
        route = self.fast_route(call.method, call.path)
        if route is not None:
            return await self.predict(call, route, loop, receive)
        try:
            call.body = await self._read_body(call, receive)
        except TooLarge as error:
            return self._refuse(call, error)
        if self._fast and call.path in ("/livez", "/readyz") and call.method in ("GET", "HEAD"):
            return self._health(call)
        return await loop.run_in_executor(self._threads, call_wsgi, self._app, call, scope)

    def fast_route(self, method: str, path: str) -> Route | None:
        """Where a prediction goes that needs no Flask; `None` for every other request."""
        return self._pipeline.route(path) if self._fast and method == "POST" else None

    async def predict(
        self, call: Call, route: Route, loop: asyncio.AbstractEventLoop, receive: Receive
    ) -> Reply:
        """Answers a call, whose body is read where there is none yet.

        Raises `ClientGone`, the work not done.
        """
        try:
            if not call.body:
                call.body = await self._read_body(call, receive)
            elif len(call.body) > self._most_bytes:
                raise self._too_large()
        except TooLarge as error:
            return self._refuse(call, error)
        return await self._pipeline.answer_soon(call, route, loop, receive)

    async def _read_body(self, call: Call, receive: Receive) -> bytes:
        declared = call.headers.get(b"content-length")
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

    def _refuse(self, call: Call, error: TooLarge) -> Reply:
        request_id = request_id_of(call)
        routes = self._pipeline.routes
        route = routes.find(call.path)
        template = route.template if route else "(none)"
        self.services.metrics.http.count_request(call.known_method, template, error.status, 0.0)
        self._note(call, template, request_id, error.status)
        dialect = routes.dialect_of(call.path)
        if dialect is not None:
            return refusal(dialect, call, None, error, request_id)
        body = problem_body(error, request_id)
        return Reply(error.status, _headers(body, MEDIA_TYPE, request_id), body)

    def _health(self, call: Call) -> Reply:
        status, body = 200, b'{"status":"alive"}'
        if call.path == "/readyz":
            status, body = readiness(self.services.fleet)
        self.services.metrics.http.count_request(call.method, call.path, status, 0.0)
        request_id = request_id_of(call)
        self._note(call, call.path, request_id, status)
        headers = _headers(body, JSON, request_id)
        if status == 503:
            headers.append((b"retry-after", b"5"))
        return Reply(status, headers, body if call.method != "HEAD" else b"")

    def _note(self, call: Call, route: str, request_id: str, status: int) -> None:
        request_log = self._pipeline.request_log
        if status >= request_log.least_status:
            request_log.note(call, route, request_id, status)

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
                self.services.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


def _headers(body: bytes, media_type: bytes, request_id: str) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", media_type),
        (b"content-length", b"%d" % len(body)),
        (b"x-request-id", request_id.encode()),
        NOSNIFF,
    ]


def create_front(settings: Settings, create_app: CreateApp) -> Front:
    """The service as an ASGI application, its models loaded.

    `create_app` makes the application that answers whatever is no prediction, when it is needed.
    """
    services = assemble(settings)
    services.start()
    app = LateApp(lambda: _create(services, create_app))
    if not services.settings.fast_lane:
        app.make()
    return Front(services, app)


def _create(services: Services, create_app: CreateApp) -> WsgiApp:
    app = create_app(services)
    # what came with Flask would else be gone through at each swap, with the loop held up
    gc.freeze()
    return app
