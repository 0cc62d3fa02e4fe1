"""Callers at an even pace, who write down what they got and from whom."""

from __future__ import annotations

import http.client
import itertools
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import orjson
import psutil

from support.worker import HOME, JSON

BODY = orjson.dumps({"instances": [HOME]})
CALLERS = 16


@dataclass
class Callers:
    """Callers at an even pace, each on a connection of its own."""

    port: int
    rate: float
    body: bytes = BODY
    patience: float = 10
    """Seconds that a caller waits for its answer."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with each request: a key, the name of the machine."""
    trust: ssl.SSLContext | None = None
    """Of a service behind TLS."""
    answered: list[tuple[float, int]] = field(default_factory=list)
    """When each answer came, and to which port of ours."""
    broken: list[int] = field(default_factory=list)
    """The ports of ours on which no answer came."""
    others: list[int] = field(default_factory=list)
    """Statuses that are not 200."""

    def __enter__(self) -> Self:
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._call, args=(number,)) for number in range(CALLERS)
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(self.patience + 10)

    def _call(self, number: int) -> None:
        period, ours = CALLERS / self.rate, 0
        due = time.monotonic() + period * number / CALLERS
        connection = self._connection()
        headers = {"Content-Type": JSON, **self.headers}
        while not self._stop.wait(max(due - time.monotonic(), 0)):
            due += period
            try:
                if connection.sock is None:
                    connection.connect()
                ours = connection.sock.getsockname()[1]
                connection.request("POST", "/predict/housing", self.body, headers)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                self.broken.append(ours)
                connection.close()
                continue
            if answer.status != 200:
                self.others.append(answer.status)
            self.answered.append((time.monotonic(), ours))
        connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if self.trust is None:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.patience)
        return http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=self.patience, context=self.trust
        )

    def answered_by(self, worker: psutil.Process, seconds: float) -> int:
        """How many answers of the last seconds came over connections that this worker holds."""
        since = time.monotonic() - seconds
        held = {c.raddr.port for c in worker.net_connections("tcp") if c.raddr}
        recent = itertools.takewhile(lambda one: one[0] >= since, reversed(self.answered))
        return sum(port in held for _, port in recent)
