"""One connection to a worker: HTTP/1.1 from bytes to requests, and from responses to bytes.

A request is let in by its head, completed by its body, answered by whoever the dispatcher asks, and
ended by one write: without a task, a future or a timer of its own.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Literal, cast

from vigie.errors import VigieError
from vigie.serving.dispatch import peer_of
from vigie.serving.http.parser import MOST_FED_BYTES, Parser
from vigie.serving.ports import close_by_reset
from vigie.serving.responses import CONTINUE, bytes_of, problem_response

if TYPE_CHECKING:
    from vigie.serving.admission import IncomingBody
    from vigie.serving.dispatch import Dispatcher
    from vigie.serving.head import Message
    from vigie.serving.http.connections import Connections
    from vigie.serving.runtime.messages import Request, RequestContext, Response

Phase = Literal["header", "body", "work", "write", "idle", "closing"]
"""What a connection waits for: the caller's headers, its body, our answer, the caller to take that
answer, its next request, its close."""

PROGRESS_BYTES = 65536
MOST_BEHIND_BYTES = 65536
"""Of requests that come before the one in front of them is answered. Where there is more, that
answer is the last one, and the caller sends the others again."""


class Connection(asyncio.Protocol):
    """A connection that the sweep of its worker can judge."""

    transport: asyncio.Transport

    def __init__(self, dispatcher: Dispatcher, connections: Connections) -> None:
        self._dispatcher = dispatcher
        self._connections = connections
        self._parser = Parser()
        self._message: Message | None = None
        self._phase: Phase = "header"
        self._silent = True
        self._ends = self._unread = self._going_on = self._paused = False
        self._incoming: IncomingBody | None = None
        self._context: RequestContext | None = None
        self._behind = b""
        self._answers = self._taken = 0
        self._seen: tuple[Phase, int] = ("header", 0)
        self._progress, self._since = 0, connections.now()
        self._last_second = connections.last_second()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Takes the connection, or turns it away where the worker is full."""
        self.transport = cast(asyncio.Transport, transport)
        self._peer = peer_of(transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Lets go of everything at once: a thousand rings of objects would hold up the loop."""
        self._phase = "closing"
        self._connections.discard(self)
        self._give_up()
        self._parser.close()
        self._message, self._behind = None, b""

    def data_received(self, data: bytes) -> None:
        """Takes what came, as far as it is wanted now."""
        if self._phase == "work" or self._paused:
            self._keep_behind(data)
        elif self._phase != "closing":
            self._behind = data
            self._go_on()

    def eof_received(self) -> bool:
        """The caller sends no more; one who waits for an answer that comes anyway gets it."""
        self._ends = True
        context = self._context
        droppable = context is not None and (context.live.latency.slow or context.live.images)
        return self._phase == "work" and not droppable

    def pause_writing(self) -> None:
        """The caller does not take its answers: no more of its requests are taken."""
        self._paused = True
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Goes on."""
        self._paused = False
        if not self.transport.is_closing():
            self.transport.resume_reading()
        if self._phase in ("work", "closing"):
            return
        if self._unread:
            # what was thrown away meanwhile will have no answer: the caller is to send it again
            self._close()
        else:
            self._go_on()

    @property
    def phase(self) -> Phase:
        """What it waits for now."""
        return "write" if self.transport.get_write_buffer_size() else self._phase

    def look(self, now: float) -> tuple[Phase, float]:
        """The phase, and the seconds for which looks have found it so, without progress.

        Another request is progress, and so are 64 KiB of a body or of an answer: whoever sends or
        takes as much within the deadline is slow, not stuck.
        """
        phase = self.phase
        done = -self.transport.get_write_buffer_size() if phase == "write" else self._taken
        seen = (phase, self._answers)
        if seen != self._seen or done - self._progress >= PROGRESS_BYTES:
            self._seen, self._progress, self._since = seen, done, now
        return phase, now - self._since

    def _go_on(self) -> None:
        """Takes one request after another of what has come, as far as each is answered at once."""
        parser = self._parser
        self._going_on = True
        while not self._paused and self._phase not in ("work", "closing"):
            if self._message is None and parser.messages:
                self._message = parser.messages.popleft()
                self._ends = self._ends or not self._message.keeps_open
                self._take(self._message)
            elif parser.refusal is not None:
                self.refuse(parser.refusal)
            elif self._behind:
                self._silent = False
                self._read(self._message)
            else:
                break
        self._going_on = False
        self._keep_behind(b"")

    def _read(self, message: Message | None) -> None:
        left = 0 if message is None else message.length - self._taken
        most = max(MOST_FED_BYTES, min(left, PROGRESS_BYTES))
        piece, self._behind = self._behind[:most], self._behind[most:]
        self._parser.feed(piece)
        if message is not None:
            self._take(message)
        elif self._parser.begun:
            self._phase = "header"

    def _take(self, message: Message) -> None:
        """Takes what has come of a body, and has the request answered when that is whole."""
        request, pieces = message.request, message.pieces
        try:
            # mostly the whole body has come in one piece with its head
            if message.whole and len(pieces) <= 1 and self._incoming is None:
                request.body = pieces[0] if pieces else b""
                if len(request.body) > self._dispatcher.free_bytes:
                    self._let_in(message).grow(len(request.body))
            else:
                self._phase = "body"
                incoming = self._incoming or self._let_in(message)
                self._taken = incoming.add(pieces)
                pieces.clear()
        except VigieError as error:
            self._refuse_body(message.request, error)
            return
        if message.whole:
            self._phase = "work"
            context = self._dispatcher.answer(request, self._peer, self._reply)
            # a refusal was written in that very call
            if self._phase == "work":
                self._context = context

    def _let_in(self, message: Message) -> IncomingBody:
        """The body on its way, let in by what the head says of it."""
        incoming = self._incoming = self._dispatcher.incoming(message.request)
        message.request.let_go = incoming.let_go
        incoming.grow(message.length)
        if message.waits and not message.pieces:
            incoming.ask(message.length)
            self.transport.write(CONTINUE)
        return incoming

    def _refuse_body(self, request: Request, error: VigieError) -> None:
        """Answers before the body has come, which is not read; what is there is thrown away."""
        self._phase, self._ends, self._unread = "work", True, True
        self.transport.pause_reading()
        self._dispatcher.refuse(request, error, self._peer, self._reply)

    def _keep_behind(self, data: bytes) -> None:
        if len(self._behind) + len(data) > MOST_BEHIND_BYTES:
            self._ends = self._unread = True
        self._behind = b"" if self._unread else self._behind + data

    def _reply(self, response: Response) -> None:
        """Writes the answer to the request in front, and goes on with the next one."""
        if self._phase != "work":
            return
        connections = self._connections
        closes = self._ends or connections.ends(self._last_second)
        self.transport.write(bytes_of(response, connections.date, closes))
        if self._incoming is not None:
            self._incoming.let_go()
            self._incoming = None
        self._message = self._context = None
        self._silent, self._phase = True, "idle"
        self._answers += 1
        self._taken = 0
        if closes:
            self._close()
        elif not self._going_on:
            self._go_on()

    def _give_up(self) -> None:
        context, self._context = self._context, None
        if context is not None:
            self._dispatcher.give_up(context)
        if self._incoming is not None:
            self._incoming.let_go()

    def refuse(self, error: VigieError) -> None:
        """Answers with an error and closes, but leaves the caller the time to read it."""
        self._say(error)
        self._unread = True
        self._close()

    def drop(self, phase: Phase, error: VigieError) -> None:
        """Closes at once, with an error where the caller waits for an answer."""
        if phase == "body" or (phase == "header" and not self._silent):
            self._say(error)
        self._phase = "closing"
        self._give_up()
        self.transport.close()
        if phase == "write":
            close_by_reset(self.transport.get_extra_info("socket"))
        if phase in ("write", "closing") or self.transport.get_write_buffer_size():
            self.transport.abort()

    def _say(self, error: VigieError) -> None:
        response = problem_response(error, os.urandom(16).hex())
        self.transport.write(bytes_of(response, self._connections.date, closes=True))
        self._connections.count_answer(error.status)

    def _close(self) -> None:
        """Closes; where the caller may still be sending, after it has had its answer.

        To close on bytes that nobody read resets the connection, and takes the answer back.
        """
        self._phase = "closing"
        self._give_up()
        if self._unread and self.transport.can_write_eof():
            self.transport.resume_reading()
            self.transport.write_eof()
        else:
            self.transport.close()
