"""Scheduling priority of a single thread, where the system has such a thing."""

from __future__ import annotations

import contextlib
import os
import sys
import threading

_NICENESS = 5


def lower_thread_priority() -> None:
    """Lets the event loop run before the calling thread (Linux; elsewhere it changes nothing)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
