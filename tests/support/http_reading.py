"""The requests that a service reads in bytes, and how it stands after them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from vigie.serving.head import Fields
from vigie.serving.http.parser import Parser

State = Literal[".", "~", "x"]
"""Has read all, waits for more of a request, or has refused what follows."""


class Read(NamedTuple):
    """One whole request."""

    method: bytes
    target: bytes
    version: tuple[int, int]
    headers: Fields
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


class _Noting(Parser):
    """Keeps the head of each request as it came: its target, version and all of its fields."""

    def __init__(self) -> None:
        super().__init__()
        self.heads: list[tuple[bytes, tuple[int, int], Fields]] = []

    def on_headers_complete(self) -> None:
        known = len(self.messages)
        super().on_headers_complete()
        if len(self.messages) > known:
            major, minor = self._parser.get_http_version().split(".")
            version = (int(major), int(minor))
            self.heads.append((self._target, version, list(self._fields)))


def read(parts: Iterable[bytes]) -> Reading:
    """What the service makes of these bytes, that come in these parts."""
    parser = _Noting()
    requests: list[Read] = []
    for part in parts:
        parser.feed(part)
        while parser.messages and parser.messages[0].whole:
            one = parser.messages.popleft()
            method, body = one.request.method.encode(), b"".join(one.pieces)
            requests.append(Read(method, *parser.heads[len(requests)], body))
            if not one.keeps_open:
                # the connection ends with its answer
                return Reading(requests, ".")
        if parser.refusal is not None:
            return Reading(requests, "x", f"{parser.refusal}")
    return Reading(requests, "~" if parser.begun or parser.messages else ".")
