"""The stages of a run in the terminal: a line each, once it is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_WIDTH = 9


@contextmanager
def stage(
    console: Console, name: str, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[str], None]]:
    """Writes a line when the block is over: the name, what the block tells of itself, the time."""
    began = clock()
    words: list[str] = []
    yield words.append
    line = ", ".join([*words, f"{clock() - began:.1f} s"])
    # no line is broken to the width of a terminal that is not there
    console.print(f"{name:<{_WIDTH}} {line}", soft_wrap=True, markup=False, highlight=False)


def counted(number: int, what: str, seconds: float) -> str:
    """Such as `2,000 photos (118 a second)`."""
    rate = number / max(seconds, 1e-3)
    shown = f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"
    return f"{number:,} {what} ({shown} a second)" if number else f"0 {what}"
