"""The queue between those who answer and the thread that spools: bounded, never waited for."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from vigie.predictionlog.entry import Entry
from vigie.predictionlog.sampling import RateCap

if TYPE_CHECKING:
    from vigie.engines.predictor import Answers
    from vigie.models.document import PackageDocument
    from vigie.models.rows import Decoded
    from vigie.predictionlog.sampling import Share


class LogQueue:
    """Entries that wait to be written. `offer` is for any thread, `take` for one."""

    def __init__(self, most_rows: int, rows_per_second: int) -> None:
        self._most = most_rows
        self._cap = RateCap(rows_per_second)
        self.leaves_out = self._cap.leaves_out
        self._entries: deque[Entry] = deque()
        self._lock = threading.Lock()
        self._dropped = 0
        self.rows = 0
        """Rows that are not written yet, those in the spool among them."""

    def offer(
        self,
        request_id: str,
        document: PackageDocument,
        version: str,
        decoded: Decoded,
        answers: Answers,
        now: float,
    ) -> bool:
        """Takes a request answered `now`, seconds since 1970, if it is to be logged and has room.

        Most that are not to be logged are known by `leaves_out` alone, without a lock.
        """
        rows = decoded.rows
        with self._lock:
            if not self._cap.takes(request_id, rows, now):
                return False
            if self.rows + rows > self._most:
                self._dropped += rows
                return False
            self.rows += rows
        answers = answers.without_neighbours()
        self._entries.append(Entry(int(now * 1e6), request_id, document, version, decoded, answers))
        return True

    def take(self, most_rows: int) -> list[Entry]:
        """The oldest entries, up to so many rows but at least one; they count until `done`."""
        taken: list[Entry] = []
        rows = 0
        while self._entries and rows < most_rows:
            entry = self._entries.popleft()
            taken.append(entry)
            rows += entry.decoded.rows
        return taken

    def done(self, rows: int) -> None:
        """Makes room: so many rows are written, or given up."""
        with self._lock:
            self.rows -= rows

    def lost(self) -> tuple[dict[str, int], set[Share]]:
        """Rows not taken since the last call, by outcome, and the shares by hour."""
        with self._lock:
            sampled_out, shares = self._cap.lost()
            lost = {"sampled_out": sampled_out, "dropped": self._dropped}
            self._dropped = 0
        return lost, shares
