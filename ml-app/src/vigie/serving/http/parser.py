"""Requests out of bytes: llhttp reads them, within bounds."""

from __future__ import annotations

from collections import deque
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from vigie.errors import AddressTooLong, HeadersTooLarge, VigieError
from vigie.serving.head import NO_TRAILERS, Message, broken, without_upgrade

MOST_ADDRESS_BYTES = 4094
MOST_FIELDS, MOST_FIELD_BYTES = 100, 8190
MOST_HEAD_BYTES = 32 * 1024
MOST_FED_BYTES = 4096
"""At once, but for a body: so much may hold a hundred requests, and all of them are read."""
MOST_FRAMING = 8
"""Bytes around a body, chunk sizes and trailers, for each byte of it beyond the size of a head."""


class Parser:
    """Reads the requests of one connection, one after another, into `messages`.

    `refusal` is why it reads no further; what came before is there all the same.
    """

    def __init__(self) -> None:
        self.messages: deque[Message] = deque()
        self.refusal: VigieError | None = None
        self.begun = False
        """Whether something of a request has come that is not in `messages` yet."""
        self._parser: Any = HttpRequestParser(self)
        self._current: Any = None
        self._target = self._again = b""
        self._fields: list[tuple[bytes, bytes]] = []
        self._read = 0

    def feed(self, data: bytes) -> None:
        """Reads what came."""
        self._read += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            # llhttp takes the body for another protocol: read as if nobody had asked for one
            self._parser = HttpRequestParser(self)
            self.feed(self._again + data[upgrade.args[0] :])
        except HttpParserError as failure:
            said = failure.__context__
            # without its frames, which hold this parser
            self.refusal = said.with_traceback(None) if isinstance(said, VigieError) else broken()
        if self._read > MOST_HEAD_BYTES and self.refusal is None:
            self.refusal = HeadersTooLarge("The headers are too large or too many.")

    def close(self) -> None:
        """Reads no more: else it and llhttp would hold each other."""
        self._parser = self._current = None
        self.messages.clear()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._target, self._fields, self._current, self.begun = b"", [], None, True

    def on_url(self, url: bytes) -> None:
        """A part of the address."""
        self._target += url
        if len(self._target) > MOST_ADDRESS_BYTES:
            raise AddressTooLong("The address is too long.")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head, or behind the body."""
        name, value = name.lower(), value.rstrip(b" \t")
        if len(name) + len(value) > MOST_FIELD_BYTES or len(self._fields) == MOST_FIELDS:
            raise HeadersTooLarge("The headers are too large or too many.")
        if self._current is not None and name in NO_TRAILERS:
            raise broken()
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is there."""
        parser, fields = self._parser, self._fields
        method, version = parser.get_method(), parser.get_http_version()
        stays = parser.should_keep_alive()
        message = Message(method.decode(), self._target, version, fields, keeps_open=stays)
        if parser.should_upgrade():
            self._again = without_upgrade(method, self._target, version, fields)
        else:
            self._current = message
            self.begun, self._read = False, 0
            self.messages.append(message)

    def on_body(self, piece: bytes) -> None:
        """A part of the body, which is bounded by who takes it."""
        self._current.pieces.append(piece)
        self._read = max(0, self._read - (1 + MOST_FRAMING) * len(piece))

    def on_message_complete(self) -> None:
        """The request is whole, but for one that is read once more."""
        if self._current is not None:
            self._current.whole, self._current, self._read = True, None, 0
