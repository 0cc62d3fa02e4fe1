"""Looks at a number again and again while something else goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Self

from scale.failure import ScaleError

EVERY_SECONDS = 1.0


class Sampler:
    """What `look` saw and when, from entering to leaving; each is (time, value)."""

    def __init__(self, look: Callable[[], int]) -> None:
        self._look = look
        self._stop = threading.Event()
        self.seen: list[tuple[float, int]] = []

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            try:
                self.seen.append((time.time(), self._look()))
            except ScaleError:
                # the next look will tell
                continue


def value_at(seen: list[tuple[float, int]], moment: float) -> int:
    """What was seen last before a moment; what was seen first where it was later."""
    before = [value for when, value in seen if when <= moment]
    return before[-1] if before else seen[0][1]
