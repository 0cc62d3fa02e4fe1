"""How what grows in memory grows: bodies and texts of tens of megabytes."""

from __future__ import annotations

import contextlib
import ctypes

MOST_COPIED_BYTES = 8 * 2**20
"""Copied within 5 ms."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3


def grow_without_copies() -> None:
    """Lets the system move blocks above 8 MiB as they grow, by their pages (glibc alone).

    Left to itself glibc puts blocks of up to 32 MiB on its heap, and copies one that outgrows it:
    20 to 30 ms in which no other thread has the interpreter.
    """
    with contextlib.suppress(AttributeError, OSError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_MMAP_THRESHOLD, MOST_COPIED_BYTES)
        # else glibc, told the other, gives what is freed back to the system at once
        libc.mallopt(_TRIM_THRESHOLD, 2 * MOST_COPIED_BYTES)
