"""Photos to a table, with a model: in a stable order, on all cores, resumable after any stop."""

from __future__ import annotations

import contextlib
import errno
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vigie.batch.arrivals import POLL_SECONDS, Arrivals
from vigie.batch.growing_table import GrowingTable
from vigie.batch.journal import Journal, Record
from vigie.errors import DataError
from vigie.models.photo_folder import PhotoFolder
from vigie.progress import say, shown

if TYPE_CHECKING:
    from rich.console import Console

    from vigie.batch.order import Order
    from vigie.batch.photo_scorer import PhotoScorer, Scored
    from vigie.batch.stop_signal import StopSignal

_AHEAD = 3
"""Parts that are under way or done per worker while the first of them is waited for."""
_TABLES = (b"name,", b"PAR1")
"""How a table begins that a run has written."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """How a run ended: photos in the table, those that failed; `whole` unless it was stopped.

    `came_since` counts photos that came into the folder after the run was begun for the first time.
    """

    photos: int
    failed: int
    total: int
    seconds: float
    whole: bool
    came_since: int = 0


def score_photos(
    scorer: PhotoScorer, order: Order, stop: StopSignal, console: Console
) -> BatchSummary:
    """Writes a line for each photo; goes on where an earlier run of the same order was stopped.

    Raises `DataError` where there is nothing to do or the machine does not let it go on; what is
    written stays, and the same order goes on from there.
    """
    began = time.monotonic()
    try:
        with contextlib.ExitStack() as until_done:
            journal = Journal(order.journal)
            until_done.callback(journal.close)
            run = _Run(scorer, order, stop, journal)
            until_done.callback(run.table.close)
            record = run.begin()
            if order.watch:
                run.watch(record, console)
            else:
                run.go_through(record, console)
            whole = run.end(len(record.names))
            total, mark = len(record.names), run.table.mark
        seconds = time.monotonic() - began
        return BatchSummary(mark.photos, mark.failed, total, seconds, whole, run.came_since)
    except OSError as failure:
        raise DataError(_told(failure, order)) from None


class _Run:
    """One run, from what its journal says to the end or to a stop."""

    def __init__(
        self, scorer: PhotoScorer, order: Order, stop: StopSignal, journal: Journal
    ) -> None:
        self._scorer, self._order, self._stop, self._journal = scorer, order, stop, journal
        self.table = GrowingTable(order.table, journal)
        self.came_since = 0

    def begin(self) -> Record:
        """What is to be done, and the table as far as it is done."""
        record = None if self._order.restart else self._journal.read()
        if record is None:
            names = [] if self._order.watch else self._names()
            if not names and not self._order.watch:
                self._discard()
                raise DataError("there is no photo in the input; is the pattern right?")
            record = Record(self._order.facts, names)
            self._journal.begin(record.facts, names)
            self.table.begin(self._scorer.header())
            return record
        self._check_same(record)
        if not self.table.resume(record.marks):
            self.table.begin(self._scorer.header())
        return record

    def go_through(self, record: Record, console: Console) -> None:
        """Scores the names that have no line yet."""
        done = self.table.mark.photos
        with shown(console, len(record.names), done) as show, self._pool() as pool:
            self._score(pool, record.names[done:], show)

    def watch(self, record: Record, console: Console) -> None:
        """Scores what is there and what comes, until a stop."""
        assert isinstance(self._order.listing, PhotoFolder)
        known = [*record.names, *self._own_files()]
        arrivals = Arrivals(self._order.listing, known, lambda text: say(console, text))
        with shown(console, None, self.table.mark.photos) as show, self._pool() as pool:
            self._score(pool, record.names[self.table.mark.photos :], show)
            while not self._stop.wait(POLL_SECONDS):
                if names := arrivals.look():
                    record.names += names
                    self._journal.add(names)
                    self._score(pool, names, show)
                    self.table.sync()

    def end(self, total: int) -> bool:
        """Brings everything to the disk; the output is whole where nothing is left to do."""
        self.table.sync()
        if self._order.watch or self.table.mark.photos < total:
            return self._order.watch
        if self._order.is_parquet:
            from vigie.batch.parquet import write_parquet

            columns, lists = self._scorer.columns, self._scorer.lists
            write_parquet(self._order.table, self._order.output, columns, lists)
            self._order.table.unlink()
        self._journal.remove()
        return True

    def _score(self, pool: ThreadPoolExecutor, names: Sequence[str], show: Any) -> None:
        """Parts have their place in the list: a run that goes on begins where a part began."""
        size = self._scorer.at_once
        parts = (names[start : start + size] for start in range(0, len(names), size))
        under_way: deque[Future[Scored]] = deque()
        try:
            for part in parts:
                if self._stop.seen:
                    break
                under_way.append(pool.submit(self._scorer.score, part))
                if len(under_way) > _AHEAD * self._order.workers:
                    self._take(under_way.popleft(), show)
            while under_way and not self._stop.seen:
                self._take(under_way.popleft(), show)
            # what a worker has begun is not lost
            for left in reversed(under_way):
                left.cancel()
            while under_way and not under_way[0].cancelled():
                self._take(under_way.popleft(), show)
        finally:
            for left in under_way:
                left.cancel()

    def _take(self, part: Future[Scored], show: Any) -> None:
        self.table.append(part.result())
        show(self.table.mark.photos, self.table.mark.failed)

    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._order.workers, "vigie-batch")

    def _names(self) -> list[str]:
        own = set(self._own_files())
        names = self._order.listing.names()
        self._require_no_photo(names)
        return [name for name in names if name not in own]

    def _require_no_photo(self, names: Sequence[str]) -> None:
        """Refuses an output that is one of the photos; an earlier table among them is none."""
        output, root = self._order.output, self._order.listing.root
        called_so = [root / name for name in names if Path(name).name == output.name]
        if not any(path.exists() and path.samefile(output) for path in called_so):
            return
        with output.open("rb") as file:
            start = file.read(len(_TABLES[0]))
        if start and not start.startswith(_TABLES):
            raise DataError("OUTPUT is a photo of INPUT: name another file")

    def _own_files(self) -> Iterator[str]:
        """The output and what stands beside it, where they lie in the input."""
        root = self._order.listing.root.resolve()
        for path in (self._order.output, self._order.table, self._order.journal):
            with contextlib.suppress(ValueError):
                yield path.resolve().relative_to(root).as_posix()

    def _check_same(self, record: Record) -> None:
        """Refuses to go on with another model or other options than the run was begun with."""
        facts = dict(self._order.facts)
        if other := [name for name in facts if record.facts.get(name) != facts[name]]:
            raise DataError(
                f"{self._order.output.name} was begun with another {', another '.join(other)}; "
                "--restart begins anew, the former command goes on"
            )
        if self._order.watch:
            return
        names = self._names()
        if isinstance(self._order.listing, PhotoFolder):
            self.came_since = len(set(names) - set(record.names))
        elif names != record.names:
            raise DataError(
                f"{self._order.output.name} was begun with another list of photos; "
                "--restart begins anew"
            )

    def _discard(self) -> None:
        """Leaves nothing of a run that has nothing to do, but what was there before."""
        self._journal.remove()
        if not self._order.table.stat().st_size:
            self._order.table.unlink()


def _told(failure: OSError, order: Order) -> str:
    name = order.output.name
    if failure.errno in _FULL:
        return (
            f"the disk is full: what {name} has is whole; make room and give the same command, "
            "it goes on from there"
        )
    if failure.errno == errno.ENOENT:
        return f"the folder of {name} is not there: make it first"
    return f"{name} cannot be written ({failure.strerror})"
