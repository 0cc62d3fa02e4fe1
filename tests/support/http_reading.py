"""The requests that a service reads in bytes, and how it stands after them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from vigie.errors import VigieError
from vigie.serving.http.head import new_parser, request_of

State = Literal[".", "~", "x"]
"""Has read all, waits for more of a request, or has refused what follows."""


class Read(NamedTuple):
    """One whole request."""

    method: bytes
    target: bytes
    version: tuple[int, int]
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Reading(NamedTuple):
    """What was read; `why` is what was refused."""

    requests: list[Read]
    state: State
    why: str = ""

    @property
    def verdict(self) -> str:
        """How many requests, and the state."""
        return f"{len(self.requests)}{self.state}"


class _Reader:
    """One connection's parser, driven as the service drives it."""

    def __init__(self) -> None:
        self.requests: list[Read] = []
        self.begun = self.ended = False
        self._body: list[bytes] = []
        self._parser: Any = new_parser(self._body.append)
        self._checked = False

    def feed(self, data: bytes) -> None:
        parser = self._parser
        while data and not self.ended:
            self.begun = True
            parser.feed(data)
            if parser.method and not self._checked:
                request_of(parser)
                self._checked = True
            if not parser.is_complete:
                return
            self._keep_request()
            data = parser.remaining()
            parser.reset()

    def _keep_request(self) -> None:
        parser = self._parser
        version, headers = parser.http_version, list(parser.asgi_headers)
        body = b"".join(self._body)
        self.requests.append(Read(parser.method, parser.path, version, headers, body))
        self._body.clear()
        self._checked = False
        self.begun, self.ended = False, not parser.should_keep_alive or version == (1, 0)


def read(parts: Iterable[bytes]) -> Reading:
    """What the service makes of these bytes, that come in these parts."""
    reader = _Reader()
    try:
        for part in parts:
            reader.feed(part)
    except (VigieError, ValueError) as refused:
        return Reading(reader.requests, "x", f"{type(refused).__name__}: {refused}")
    return Reading(reader.requests, "~" if reader.begun else ".")
