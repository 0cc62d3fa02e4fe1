"""What bounds one download: a time to end, a slowest pace, and a caller who may call it off."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import requests

from vigie.errors import RegistryError

SLOWEST_BYTES_PER_SECOND = 16 * 1024
CHUNK = 1 << 20


class Late(Exception):
    """The deadline of one answer passed."""


def parts(answer: requests.Response, deadline: float) -> Iterator[bytes]:
    """The body as it comes: `read1` returns with what is there, so that a drip is noticed."""
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise RegistryError("MLflow's address answered with a compressed body")
    while part := answer.raw.read1(CHUNK):
        if time.monotonic() > deadline:
            raise Late
        yield part


class Transfer:
    """One download of several files; `watch` is called with every part and may raise."""

    def __init__(self, seconds: float, window: float, watch: Callable[[], None]) -> None:
        self._end = time.monotonic() + seconds
        self._window = window
        self._watch = watch
        self._waited = 0.0
        self._bytes = 0

    def parts(self, answer: requests.Response) -> Iterator[bytes]:
        """The body of one file. Raises `RegistryError` where it is late or too slow."""
        began = time.monotonic()
        try:
            for part in parts(answer, self._end):
                # what the reader does with a part is no fault of the server
                self._count(len(part), time.monotonic() - began)
                self._watch()
                yield part
                began = time.monotonic()
        except Late:
            raise RegistryError("a download from MLflow took longer than it may") from None

    def _count(self, size: int, seconds: float) -> None:
        self._bytes += size
        self._waited += seconds
        if self._waited < self._window:
            return
        if self._bytes < SLOWEST_BYTES_PER_SECOND * self._waited:
            raise RegistryError(
                "a download from MLflow came at less than "
                f"{SLOWEST_BYTES_PER_SECOND >> 10} kB a second"
            )
        self._waited, self._bytes = 0.0, 0
