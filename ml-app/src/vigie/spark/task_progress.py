"""How far the tasks of a job are, in the terminal."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vigie.progress import shown

if TYPE_CHECKING:
    from pyspark import Accumulator
    from rich.console import Console

_LOOK_SECONDS = 1.0


@contextmanager
def watched(
    done: Accumulator[int],
    failed: Accumulator[int],
    console: Console,
    total: int | None,
    what: str = "photos",
) -> Iterator[None]:
    """Shows what the tasks of this block have counted, until it ends."""
    over = threading.Event()
    with shown(console, total, 0, what) as show:

        def look() -> None:
            while not over.wait(_LOOK_SECONDS):
                # a task that is tried again counts twice
                show(done.value if total is None else min(done.value, total), failed.value)

        watcher = threading.Thread(target=look, name="vigie-progress", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
