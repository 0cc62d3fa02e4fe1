"""Named steps of a long job, shown as they go."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Step:
    """One running step; `advance` moves its bar where the step knows its length."""

    def __init__(self, progress: Progress, task: int) -> None:
        self._progress = progress
        self._task = task

    def advance(self, done: int, total: int, note: str = "") -> None:
        """Shows that `done` of `total` parts are complete."""
        self._progress.update(self._task, completed=done, total=total, note=note)  # type: ignore[arg-type]


class Steps:
    """Shows each step with its time; in a log file one line per finished step."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Runs a block as a named step."""
        started = time.monotonic()
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
        )
        with Progress(
            *columns, console=self.console, transient=True, disable=not self.console.is_terminal
        ) as progress:
            yield Step(progress, progress.add_task(name, total=None, note=""))
        self.seconds[name] = time.monotonic() - started
        self.say(f"  {name} ({self.seconds[name]:.1f} s)")

    def say(self, text: str) -> None:
        """One line for people."""
        self.console.print(text, markup=False, soft_wrap=True)
