"""One connection to a worker: gunicorn's, which also tells how far its request is."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from gunicorn.asgi.protocol import ASGIProtocol, _get_cached_date_header, _get_cached_status_line

from vigie.errors import (
    AddressTooLong,
    HeadersTooLarge,
    MalformedRequest,
    TooLarge,
    VigieError,
)
from vigie.serving.caller import ClientGone
from vigie.serving.http.parser import Parser
from vigie.serving.problems import MEDIA_TYPE, problem_body, problem_headers
from vigie.serving.responses import NOSNIFF
from vigie.serving.runtime.messages import Request

if TYPE_CHECKING:
    from vigie.serving.runtime.messages import Response

Phase = Literal["header", "body", "work", "write", "idle", "closing"]
"""What a connection waits for: the caller's headers, its body, our answer, the caller to take that
answer, its next request, its close."""

PROGRESS_BYTES = 65536
FREE_PIECES = 4000
SMALL_PIECE_BYTES = 64
"""Each piece costs the loop some microseconds, however small: beyond the free ones they must be of
this size on average."""

_REFUSALS: dict[int, VigieError] = {
    400: MalformedRequest("The request is not HTTP/1.1 as it is written down."),
    414: AddressTooLong("The address is too long."),
    431: HeadersTooLarge("The headers are too large or too many."),
    426: MalformedRequest("Web sockets are not served here."),
    # an unknown transfer coding: RFC 9112 offers 501, but nothing here failed
    501: MalformedRequest("Send the body as it is or chunked; no other transfer coding is known."),
}
_TOO_MANY_PIECES = (
    f"The body comes in more than {FREE_PIECES} chunks of less than {SMALL_PIECE_BYTES} bytes on "
    "average; send larger chunks, or the whole body with its Content-Length."
)
_FAILED = VigieError("The service failed; its log has the cause.")


class Connection(ASGIProtocol):  # type: ignore[misc]
    """A connection that the sweep of its worker can judge.

    While requests run it only counts what comes of their bodies; what it waits for is read from
    gunicorn's own state when the sweep looks.
    """

    transport: asyncio.Transport
    _closed: bool
    _callback_parser: Any
    _body_receiver: Any

    def __init__(self, worker: Any) -> None:
        super().__init__(worker)
        self._connections = worker.connections
        self._taken = self._pieces = 0
        self._refused = False
        self._seen: tuple[Phase, int] = ("header", 1)
        self._progress = 0
        self._since: float = worker.loop.time()
        self._last_second = worker.connections.last_second()

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Takes the connection, or turns it away where the worker is full."""
        super().connection_made(transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Lets go of everything now: no task that waits for gunicorn's grace, no ring of objects.

        A thousand such rings would hold up the loop when the garbage collector comes for them.
        """
        super().connection_lost(exc)
        self._connections.discard(self)
        self._request_ready.set()
        self._flow_control.resume_writing()
        self._callback_parser = self._body_receiver = None

    # --- what the sweep asks

    @property
    def phase(self) -> Phase:
        """What it waits for now."""
        if self.transport.get_write_buffer_size():
            return "write"
        if self._closed:
            return "closing"
        receiver = self._body_receiver
        if receiver is not None:
            return "work" if receiver._complete else "body"
        return "idle" if self.req_count > 1 and self._is_silent else "header"

    @property
    def _is_silent(self) -> bool:
        """True where nothing of a request has come."""
        parser = self._callback_parser
        return parser is None or (parser._state == "request_line" and not parser._buffer)

    def look(self, now: float) -> tuple[Phase, float]:
        """The phase, and the seconds for which looks have found it so, without progress.

        Another request is progress, and so are 64 KiB of a body or of an answer: whoever sends or
        takes as much within the deadline is slow, not stuck.
        """
        phase = self.phase
        done = -self.transport.get_write_buffer_size() if phase == "write" else self._taken
        seen = (phase, self.req_count)
        if seen != self._seen or done - self._progress >= PROGRESS_BYTES:
            self._seen, self._progress, self._since = seen, done, now
        return phase, now - self._since

    # --- the end

    def refuse(self, error: VigieError) -> None:
        """Answers with an error and closes, but leaves the caller the time to read it."""
        self._answer(error)
        self._close_transport()

    def drop(self, phase: Phase, error: VigieError) -> None:
        """Closes at once, with an error where the caller waits for an answer."""
        if phase == "body" or (phase == "header" and not self._is_silent):
            self._answer(error)
        super()._close_transport()
        if phase == "write":
            _forget_unsent(self.transport)
        if phase in ("write", "closing") or self.transport.get_write_buffer_size():
            self.transport.abort()
        self._request_ready.set()

    def _answer(self, error: VigieError) -> None:
        request_id = os.urandom(16).hex()
        body = problem_body(error, request_id)
        headers = [
            (b"content-type", MEDIA_TYPE),
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", request_id.encode()),
            NOSNIFF,
            *problem_headers(error),
            (b"connection", b"close"),
        ]
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        phrase = HTTPStatus(error.status).phrase.encode()
        self._safe_write(b"HTTP/1.1 %d %b\r\n%b\r\n%b" % (error.status, phrase, lines, body))
        self._refused = True
        self._connections.count_answer(error.status)

    # --- predictions

    async def _serve_http_request(self, request: Any, sockname: Any, peername: Any) -> bool:
        """Answers a prediction in this very task: a whole answer needs no bookkeeping of parts.

        Everything else is gunicorn's to answer. True where the connection may be kept.
        """
        asgi = self.app
        route = asgi.fast_route(request.method, request.path)
        if route is None:
            return bool(await super()._serve_http_request(request, sockname, peername))
        receiver = self._body_receiver
        # mostly the whole body has come in one piece with its head
        whole = receiver._complete and len(receiver._chunks) == 1
        body = receiver._pop_chunk()["body"] if whole else b""
        prediction = Request(request.method, request.path, dict(request.headers_bytes), body)
        try:
            response = await asgi.predict(prediction, route, self.worker.loop, receiver.receive)
        except ClientGone:
            return False
        except Exception:
            self.log.exception("a prediction failed")
            self._send_error_response(500, "")
            return False
        receiver.expect_continue = False
        closes = self._will_close(request, False)
        if not self._closed:
            self._safe_write(_written(response, request.version, closes))
            if self._flow_control.write_paused:
                await self._flow_control.drain()
        return not closes

    # --- what gunicorn calls

    def _send_error_response(self, status: int, message: str, extra_headers: Any = ()) -> None:
        """Says it as every other error is said; gunicorn's message may repeat the request."""
        # nobody is there, or an answer was given: gunicorn asks for one all the same
        if not (self._closed or self._refused):
            self._answer(_REFUSALS.get(status, _FAILED))

    def _close_transport(self) -> None:
        """Closes; where the caller may still be sending, after it has had its answer.

        To close on bytes that nobody read resets the connection, and takes the answer back.
        """
        receiver = self._body_receiver
        if self._closed or not (self._refused or (receiver and not receiver._complete)):
            super()._close_transport()
            return
        self._closed = True
        self._callback_parser = None
        self._resume_reading()
        if receiver is not None:
            receiver.signal_disconnect()
        self._request_ready.set()
        self.transport.write_eof()

    def _setup_callback_parser(self) -> None:
        cfg = self.cfg
        self._callback_parser = Parser(
            on_headers_complete=self._on_headers_complete,
            on_body=self._on_body,
            on_message_complete=self._on_message_complete,
            limit_request_line=cfg.limit_request_line,
            limit_request_fields=cfg.limit_request_fields,
            limit_request_field_size=cfg.limit_request_field_size,
        )

    def _http1_buffered(self) -> int:
        """What waits in memory: of a body that nobody has taken, and of requests behind it."""
        receiver, parser = self._body_receiver, self._callback_parser
        held = receiver.buffered if receiver else 0
        return held + len(parser._buffer) if parser.is_complete else held

    def _will_close(self, request: Any, response_requires_close: bool) -> bool:
        return self._connections.ends(self._last_second) or bool(
            super()._will_close(request, response_requires_close)
        )

    def _arm_keepalive_timer(self) -> None:
        """No timer for each request: the sweep closes idle connections."""

    def _feed_callback_parser(self, data: bytes) -> bool:
        try:
            return bool(super()._feed_callback_parser(data))
        except ValueError:
            # a Content-Length of more digits than Python takes
            self.refuse(_REFUSALS[400])
            return False
        except TooLarge as error:
            self.refuse(error)
            return False

    def _on_headers_complete(self) -> bool:
        self._taken = self._pieces = 0
        return bool(super()._on_headers_complete())

    def _on_body(self, chunk: bytes) -> None:
        self._taken += len(chunk)
        self._pieces += 1
        if self._pieces > FREE_PIECES and self._taken < self._pieces * SMALL_PIECE_BYTES:
            raise TooLarge(_TOO_MANY_PIECES)
        receiver = self._body_receiver
        receiver.expect_continue = False
        receiver._chunks.append(chunk)
        receiver._buffered += len(chunk)
        # whoever reads wants the whole of it: not to be woken for each byte of a drip
        if receiver._buffered >= PROGRESS_BYTES:
            receiver._wake_waiter()


def _written(response: Response, version: tuple[int, int], closes: bool) -> bytes:
    lines = [b"%b: %b\r\n" % header for header in response.headers]
    if closes:
        lines.append(b"connection: close\r\n")
    status_line = _get_cached_status_line(version, response.status)
    return b"".join((status_line, *lines, _get_cached_date_header(), b"\r\n", response.body))


def _forget_unsent(transport: asyncio.Transport) -> None:
    """Makes the close a reset: else the system keeps what the caller does not take for minutes."""
    reset = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
