"""Calls a WSGI application with a request that has been read whole."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from vigie.serving.admission import AdmittedBody
from vigie.serving.runtime.messages import Response

if TYPE_CHECKING:
    from vigie.errors import VigieError
    from vigie.serving.runtime.messages import Request

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

REFUSAL = "vigie.refusal"
"""In the environ, the `VigieError` that is answered instead of a request."""


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

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answers as the application does."""
        return (self._app or self.make())(environ, start_response)


_UNPREFIXED = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}


def call_wsgi(
    app: WsgiApp, request: Request, scope: dict[str, Any], refusal: VigieError | None = None
) -> Response:
    """The application's whole answer; to a `refusal`, where the body was not let in.

    `scope` is the request's ASGI scope.
    """
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
        started.append((status, headers))

    environ = _environ(request, scope)
    if refusal is not None:
        environ[REFUSAL] = refusal
    parts = app(environ, start_response)
    try:
        body = b"".join(parts)
    finally:
        close = getattr(parts, "close", None)
        if close is not None:
            close()
    status, headers = started[-1]
    return Response(
        int(status.split(" ", 1)[0]),
        [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        b"" if request.method == "HEAD" else body,
    )


def _environ(request: Request, scope: dict[str, Any]) -> dict[str, Any]:
    host, port = scope.get("server") or ("localhost", 80)
    client = scope.get("client") or ("", 0)
    raw_path = scope.get("raw_path") or request.path.encode()
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(raw_path.split(b"?")[0]).decode("latin-1"),
        "QUERY_STRING": scope.get("query_string", b"").decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{scope.get('http_version', '1.1')}",
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": AdmittedBody(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        key = _UNPREFIXED.get(name)
        if key is None:
            key = "HTTP_" + name.decode("latin-1").upper().replace("-", "_")
        environ[key] = value.decode("latin-1")
    environ["CONTENT_LENGTH"] = str(len(request.body))
    # it came in chunks, maybe, and is whole now: werkzeug would read nothing of it
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    # a large body is there once
    request.body = b""
    return environ
