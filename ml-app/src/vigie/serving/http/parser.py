"""Requests out of bytes: llhttp reads them, within bounds."""

from __future__ import annotations

from collections import deque
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from vigie.errors import AddressTooLong, HeadersTooLarge, VigieError
from vigie.serving.head import NO_TRAILERS, Message, broken

MOST_ADDRESS_BYTES = 4094
MOST_FIELDS = 100
MOST_FIELD_BYTES = 8190
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
        self._target = b""
        self._fields: list[tuple[bytes, bytes]] = []
        self._read = 0

    def feed(self, data: bytes) -> None:
        """Reads what came."""
        self.begun = self.begun or self._current is None
        self._read += len(data)
        try:
            self._parser.feed_data(data)
            self._check_size()
        except HttpParserUpgrade as upgrade:
            # nothing else than HTTP/1.1 is spoken here, and the caller may go on in it
            self._parser = HttpRequestParser(self)
            if rest := data[upgrade.args[0] :]:
                self.feed(rest)
        except HttpParserError as failure:
            said = failure.__context__
            self.refusal = said if isinstance(said, VigieError) else broken()
        except VigieError as refusal:
            self.refusal = refusal

    def _check_size(self) -> None:
        if self._read <= MOST_HEAD_BYTES:
            return
        body = sum(map(len, self._current.pieces)) if self._current else 0
        if self._current is None or self._read > MOST_HEAD_BYTES + (1 + MOST_FRAMING) * body:
            raise HeadersTooLarge("The headers are too large or too many.")
        # the body is counted by who takes it
        self._read = 0

    def close(self) -> None:
        """Reads no more: else it and llhttp would hold each other."""
        self._parser = self._current = None
        self.messages.clear()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._target, self._fields, self._current = b"", [], None
        self.begun = True

    def on_url(self, url: bytes) -> None:
        """A part of the address."""
        self._target += url
        if len(self._target) > MOST_ADDRESS_BYTES:
            raise AddressTooLong("The address is too long.")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head, or behind the body."""
        name = name.lower()
        if len(name) + len(value) > MOST_FIELD_BYTES or len(self._fields) == MOST_FIELDS:
            raise HeadersTooLarge("The headers are too large or too many.")
        if self._current is not None and name in NO_TRAILERS:
            raise broken()
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is there."""
        parser, fields = self._parser, self._fields
        self._current = Message(
            parser.get_method().decode(), self._target, parser.get_http_version(), fields,
            keeps_open=parser.should_keep_alive(),
        )  # fmt: skip
        self.begun, self._read = False, 0
        self.messages.append(self._current)

    def on_body(self, piece: bytes) -> None:
        """A part of the body."""
        self._current.pieces.append(piece)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._current.whole, self._current = True, None
        self._read = 0
