"""How long calls of a model take: measured when it is loaded, corrected by every call after."""

from __future__ import annotations

import math

QUICK_SECONDS = 0.002
"""A model that takes less for a full batch runs in the event loop, and holds nobody up."""
SMOOTHING = 0.1
WINDOW_CALLS = 32
LARGEST_STEP = 4.0
"""More than so many times what was thought is a pause of the machine, no news of the model."""


class Pace:
    """A fixed time per call and one per row, seconds, times what the machine makes of it now."""

    def __init__(self, one_row: float, full_batch: float, batch_rows: int) -> None:
        self._batch_rows = batch_rows
        self._per_row = max((full_batch - one_row) / max(batch_rows - 1, 1), 0.0)
        self._per_call = max(one_row - self._per_row, 1e-6)
        self._correction = 1.0
        self.slow = full_batch > QUICK_SECONDS
        """Whether the model needs a thread of its own; only a clear change changes it."""
        self._seen = 0
        self._least = math.inf

    def nominal_seconds(self, rows: int) -> float:
        """How long so many rows took when the model was loaded, in calls of at most the row cap."""
        # a single request above the cap is one call
        calls = max(-(-rows // self._batch_rows), 1)
        return calls * self._per_call + rows * self._per_row

    def seconds(self, rows: int) -> float:
        """How long so many rows take now."""
        return self.nominal_seconds(rows) * self._correction

    def observe(self, rows: int, seconds: float, computed: float) -> None:
        """Learns from a call: how long it took, and how much of that the model itself did."""
        plain = self.nominal_seconds(rows)
        before, ratio = self._correction, seconds / plain
        found = min(max(ratio, before / LARGEST_STEP), before * LARGEST_STEP)
        self._correction = before + SMOOTHING * (found - before)
        self._least = min(self._least, computed / plain)
        self._seen += 1
        if self._seen == WINDOW_CALLS:
            self._decide(self.nominal_seconds(self._batch_rows) * self._least)
            self._seen, self._least = 0, math.inf

    def _decide(self, full_batch: float) -> None:
        """Judges by the quickest of many calls: on a busy machine others say little of a model."""
        if full_batch > 2 * QUICK_SECONDS:
            self.slow = True
        elif full_batch < QUICK_SECONDS:
            self.slow = False
