"""Turns: the workers of one service load and swap one after the other."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

from vigie.files import locked

log = logging.getLogger("vigie.serving")

LONGEST_WAIT_SECONDS = 30.0


@contextlib.contextmanager
def swap_turn(folder: Path, longest: float = LONGEST_WAIT_SECONDS) -> Iterator[None]:
    """Waits until no other worker swaps; goes on without its turn where that takes too long.

    The system frees the turn of a worker that dies; a stuck one delays the others by `longest`.
    """
    with contextlib.ExitStack() as stack:
        # a folder that cannot be written costs the order of the swaps, never a swap
        with contextlib.suppress(OSError):
            if not stack.enter_context(locked(folder / "swap.lock", longest)):
                log.warning("another worker swaps for more than %.0f s; not waiting", longest)
        yield
