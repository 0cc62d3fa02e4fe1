"""Turns: the workers of one service load and swap one after the other."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import time
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger("vigie.serving")

LONGEST_WAIT_SECONDS = 30.0
_LOOK_SECONDS = 0.02


@contextlib.contextmanager
def swap_turn(folder: Path, longest: float = LONGEST_WAIT_SECONDS) -> Iterator[None]:
    """Waits until no other worker swaps; goes on without its turn where that takes too long.

    The system frees the turn of a worker that dies; a stuck one delays the others by `longest`.
    """
    with contextlib.ExitStack() as stack:
        # a folder that cannot be written costs the order of the swaps, never a swap
        with contextlib.suppress(OSError):
            held = stack.enter_context((folder / "swap.lock").open("w"))
            deadline = time.monotonic() + longest
            while not _take(held.fileno()):
                if time.monotonic() > deadline:
                    log.warning("another worker swaps for more than %.0f s; not waiting", longest)
                    break
                time.sleep(_LOOK_SECONDS)
        yield


def _take(number: int) -> bool:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
