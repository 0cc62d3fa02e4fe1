"""A WSGI application, called in threads with requests that have been read whole."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from vigie.errors import Unavailable
from vigie.serving.admission import AdmittedBody
from vigie.serving.responses import explained, problem_response
from vigie.serving.runtime.messages import Response

if TYPE_CHECKING:
    import asyncio

    from vigie.serving.runtime.messages import Request

log = logging.getLogger("vigie.serving")

Environ = dict[str, Any]
WsgiApp = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
Address = tuple[Any, ...]

REFUSAL = "vigie.refusal"
"""In the environ, the `VigieError` that is answered instead of a request."""
LATE = "vigie.late"
"""In the environ, that the caller was told that there is no answer in time."""
MOST_WAITING = 256
"""Requests that wait for a thread; more are turned away."""


class LateApp:
    """A WSGI application that is made when it is first called, or when `make` is."""

    def __init__(self, create: Callable[[], WsgiApp]) -> None:
        self._create = create
        self._lock = threading.Lock()
        self._app: WsgiApp | None = None

    def make(self) -> WsgiApp:
        """The application, made once."""
        with self._lock:
            if self._app is None:
                self._app = self._create()
            return self._app

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answers as the application does."""
        return (self._app or self.make())(environ, start_response)


_Job = tuple[Environ, "asyncio.AbstractEventLoop", Callable[[Response], None]]


class WsgiThreads:
    """The threads that call an application, and the bounded queue before them.

    `submit` is for the event loop, which is told the answers.
    """

    def __init__(self, app: WsgiApp, name: str, threads: int) -> None:
        self._app = app
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        for number in range(threads):
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True).start()

    def submit(
        self,
        environ: Environ,
        loop: asyncio.AbstractEventLoop,
        done: Callable[[Response], None],
    ) -> None:
        """Calls the application in a thread. Raises `Unavailable` where too much waits."""
        if self._jobs.qsize() >= MOST_WAITING:
            raise Unavailable("The service has too much to do; try again soon.", "full")
        self._jobs.put((environ, loop, done))

    def _work(self) -> None:
        while True:
            environ, loop, done = self._jobs.get()
            try:
                response = call_wsgi(self._app, environ)
            except Exception as failure:
                log.exception("the application could not be asked")
                response = problem_response(explained(failure), os.urandom(16).hex())
            # a worker that has ended meanwhile has no loop, and nobody waits
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(done, response)
            # what it holds must not wait with it for the next one
            del environ, done, response


def call_wsgi(app: WsgiApp, environ: Environ) -> Response:
    """The application's whole answer."""
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
        started.append((status, headers))

    parts = app(environ, start_response)
    try:
        body = b"".join(parts)
    finally:
        close = getattr(parts, "close", None)
        if close is not None:
            close()
    status, said = started[-1]
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in said]
    number = int(status.split(" ", 1)[0])
    # 204 and 304 have no body, and say so by themselves
    if number not in (204, 304) and not any(name == b"content-length" for name, _ in headers):
        headers.append((b"content-length", b"%d" % len(body)))
    return Response(number, headers, b"" if environ["REQUEST_METHOD"] == "HEAD" else body)


def environ_of(request: Request, client: Address, server: Address) -> Environ:
    """What a WSGI application is told of a request; its body moves there."""
    path, _, query = request.target.partition(b"?")
    proxied = request.headers.get(b"x-forwarded-proto") == b"https"
    environ: Environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https" if proxied else "http",
        "wsgi.input": AdmittedBody(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    # a large body is there once
    request.body = b""
    for name, value in request.headers.items():
        text = value.decode("latin-1")
        if name == b"content-type":
            environ["CONTENT_TYPE"] = text
        elif b"_" not in name and name not in _FRAMING:
            environ["HTTP_" + name.decode("latin-1").upper().replace("-", "_")] = text
    return environ


_FRAMING = (b"content-length", b"transfer-encoding")
"""Said by the whole body: a framework would read nothing of one that it thinks comes in chunks."""
