"""How far a run is: a bar on a terminal, else a line every ten seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

LINE_SECONDS = 10.0


class Shows(Protocol):
    """Shows how many are done and how many of them failed."""

    def __call__(self, done: int, failed: int) -> None:
        """Called after every part."""
        ...


def say(console: Console, line: str) -> None:
    """Writes a line, not broken to the width of a terminal that may not be there."""
    console.print(line, soft_wrap=True, markup=False, highlight=False)


@contextmanager
def shown(console: Console, total: int | None, done: int, what: str = "photos") -> Iterator[Shows]:
    """What shows the way from `done` to `total` of `what`; without a total it only counts."""
    pace = ProgressRate(total, done)
    if not console.is_terminal:
        yield Lines(console, pace, what)
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total, completed=done)

        def show(done: int, failed: int) -> None:
            bar.update(task, completed=done, description=pace.tell(done, failed))

        yield show


class ProgressRate:
    """The words for rate and time left; what an earlier run did is not counted to this one."""

    def __init__(
        self, total: int | None, done: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.total = total
        self._clock = clock
        self._began, self._first = clock(), done

    def tell(self, done: int, failed: int) -> str:
        """Such as `118 a second, 36 failed, 0:00:07 left`."""
        rate = (done - self._first) / max(self._clock() - self._began, 1e-3)
        words = [f"{rate:,.0f} a second" if rate >= 10 else f"{rate:.1f} a second"]
        words += [f"{failed:,} failed"] if failed else []
        if self.total is not None and rate:
            words.append(f"{timedelta(seconds=round((self.total - done) / rate))} left")
        return ", ".join(words)


class Lines:
    """A line every ten seconds, for logs."""

    def __init__(
        self,
        console: Console,
        pace: ProgressRate,
        what: str = "photos",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console, self._pace, self._what, self._clock = console, pace, what, clock
        self._last = clock()

    def __call__(self, done: int, failed: int) -> None:
        """Writes a line where the last one is ten seconds old."""
        if self._clock() - self._last < LINE_SECONDS:
            return
        self._last = self._clock()
        of = f" of {self._pace.total:,}" if self._pace.total is not None else ""
        line = f"{done:,}{of} {self._what}, {self._pace.tell(done, failed)}"
        say(self._console, line)
