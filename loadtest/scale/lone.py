"""Callers of one connection each: a Service moves connections, so these stay where they began."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self
from urllib.parse import urlsplit

from load.rows import varied_rows
from load.service import models_of

CALLERS = 2
EVERY_SECONDS = 1.0
MOST_P99_MS = 150.0
PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class Lone:
    """What such callers saw together.

    Attributes:
        callers: How many there were.
        answered: Their answers.
        failures: Requests without an answer of 200.
        connections: How many connections each had, one after another, on average.
        p99_ms: 99 of 100 answers within.
    """

    callers: int
    answered: int
    failures: int
    connections: float
    p99_ms: float


class LoneCallers:
    """Some callers, from entering to leaving, who ask for a row again and again.

    Each keeps its connection until the service ends it.
    """

    def __init__(
        self, url: str, model: str, callers: int = CALLERS, every_seconds: float = EVERY_SECONDS
    ) -> None:
        self._every_seconds = every_seconds
        self._url = urlsplit(url)
        self._path = f"/predict/{model}"
        found = next(one for one in models_of(url, None) if one.name == model)
        self._rows = varied_rows(found, random.Random(1))  # noqa: S311 -- no secret
        self._stop = threading.Event()
        self._callers = [_Caller() for _ in range(callers)]

    def __enter__(self) -> Self:
        self._threads = [
            threading.Thread(target=self._ask, args=(caller,)) for caller in self._callers
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def seen(self) -> Lone:
        """What they saw until now."""
        times = sorted(each for caller in self._callers for each in caller.milliseconds)
        return Lone(
            callers=len(self._callers),
            answered=len(times),
            failures=sum(caller.failures for caller in self._callers),
            connections=round(
                sum(caller.connections for caller in self._callers) / len(self._callers), 1
            ),
            p99_ms=round(times[min(len(times) * 99 // 100, len(times) - 1)], 1) if times else 0.0,
        )

    def _ask(self, caller: _Caller) -> None:
        connection = http.client.HTTPConnection(self._url.netloc, timeout=PATIENCE_SECONDS)
        body = json.dumps({"instances": [next(self._rows)]})
        while not self._stop.wait(self._every_seconds):
            caller.ask(connection, self._path, body)
        connection.close()


class _Caller:
    def __init__(self) -> None:
        self.milliseconds: list[float] = []
        self.failures = self.connections = 0

    def ask(self, connection: http.client.HTTPConnection, path: str, body: str) -> None:
        # it connects again by itself where the last answer ended the connection
        self.connections += connection.sock is None
        began = time.perf_counter()
        try:
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            self.failures += 1
            return
        self.milliseconds.append((time.perf_counter() - began) * 1000)
        self.failures += answer.status != 200


def missed(lone: Lone) -> list[str]:
    """What of it does not hold, in words."""
    found = []
    if lone.failures:
        found.append(f"callers of one connection: {lone.failures} requests failed")
    if lone.p99_ms > MOST_P99_MS:
        found.append(f"callers of one connection: p99 {lone.p99_ms:g} ms, not {MOST_P99_MS:g}")
    return found


def as_json(lone: Sequence[Lone]) -> dict[str, Any] | None:
    """For the file of figures; nothing where there were no such callers."""
    return asdict(lone[0]) if lone else None
