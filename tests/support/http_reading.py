"""The requests that a service reads in bytes, and how it stands after them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from vigie.serving.http.parser import Parser

State = Literal[".", "~", "x"]
"""Has read all, waits for more of a request, or has refused what follows."""


class Read(NamedTuple):
    """One whole request."""

    method: bytes
    target: bytes
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


def read(parts: Iterable[bytes]) -> Reading:
    """What the service makes of these bytes, that come in these parts."""
    parser = Parser()
    requests: list[Read] = []
    for part in parts:
        parser.feed(part)
        while parser.messages and parser.messages[0].whole:
            one = parser.messages.popleft()
            asked, body = one.request, b"".join(one.pieces)
            headers = list(asked.headers.items())
            requests.append(Read(asked.method.encode(), asked.target, headers, body))
            if not one.keeps_open:
                # the connection ends with its answer
                return Reading(requests, ".")
        if parser.refusal is not None:
            return Reading(requests, "x", f"{parser.refusal}")
    return Reading(requests, "~" if parser.begun or parser.messages else ".")
