"""Waits for a condition, and not for a while."""

from __future__ import annotations

import time
from collections.abc import Callable

REST = 6
"""How much longer than a look the pause after it is: what is waited for needs the processor."""


def wait_until(holds: Callable[[], object], seconds: float = 60.0) -> None:
    """Returns as soon as `holds()` is true; fails when it has not been for so long.

    No promise of the product's is in those seconds: a busy machine needs some of them.
    """
    end = time.monotonic() + seconds
    before = time.thread_time()
    while not holds():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(max(0.02, REST * (time.thread_time() - before)))
        before = time.thread_time()
