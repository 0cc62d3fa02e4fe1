"""A request and its answer, free of any transport: what both doors pass to the pipeline."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

Headers = dict[bytes, bytes]


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


@dataclass(slots=True)
class Reply:
    """One answer: status, headers in order, whole body."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
