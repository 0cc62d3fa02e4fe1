"""A request and its answer, free of any transport: what both doors pass to the pipeline."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass, field

Headers = dict[bytes, bytes]

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(slots=True)
class Call:
    """One request: its method, path, headers (names in lower case) and whole body."""

    method: str
    path: str
    headers: Headers
    body: bytes
    received: float = field(default_factory=time.perf_counter)

    def header(self, name: bytes) -> str:
        """A header's value, empty where it is absent."""
        return self.headers.get(name, b"").decode("latin-1")

    @property
    def known_method(self) -> str:
        """The method; `other` for one that HTTP does not know, as such there are without end."""
        return self.method if self.method in METHODS else "other"

    @property
    def traceparent(self) -> str | None:
        """The trace that the caller says this request is part of (W3C Trace Context)."""
        trace = self.headers.get(b"traceparent")
        return trace.decode() if trace is not None and _TRACEPARENT.fullmatch(trace) else None


@dataclass(slots=True)
class Reply:
    """One answer: status, headers in order, whole body."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def request_id_of(call: Call) -> str:
    """The caller's own id, else its trace's, else a fresh one of 32 hexadecimal digits."""
    given = call.headers.get(b"x-request-id")
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given.decode()
    trace = call.traceparent
    return trace.split("-")[1] if trace is not None else os.urandom(16).hex()
