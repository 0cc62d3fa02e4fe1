"""Which requests are logged: all, or above a rate a uniform sample by the hash of their id.

It is consistent sampling, as OpenTelemetry's `TraceIdRatioBased` does it with traces: the id alone
decides, and what a share keeps every larger share keeps too.
"""

from __future__ import annotations

from array import array
from zlib import crc32

MOST_HALVINGS = 20
_BITS = 32
_ALL = 1 << _BITS
_MASK = _ALL - 1
_SPREAD = 2654435761  # Knuth, The Art of Computer Programming 3, 6.4: ids that count up spread too
Share = tuple[int, int]
"""An hour since 1970, and how often the share was halved in it."""


def halvings_of(request_id: str) -> int:
    """How often the share may be halved before it leaves this id out.

    The same everywhere and for ever, so that all rows of a request share one fate.
    """
    return _BITS - _spread(request_id).bit_length()


def _spread(request_id: str) -> int:
    return crc32(request_id.encode()) * _SPREAD & _MASK


class RateCap:
    """Chooses the share so that about `most` rows a second are logged.

    The share is 1, 1/2, 1/4 and so on, after so many halvings: the threshold that the hash of an id
    must stay below, of which a few rows tell later whether an id was in or out of the sample.

    Within a second the share halves at `most` rows, and again at half as many more each time, so
    that no second has more than twice as many, but for the rows of a single request.

    `leaves_out` is for any thread, all else for one at a time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._since = self._until = 0.0
        self._seen = 0
        self._kept = 0
        self._limit = float(most)
        self._halve(0)
        self._left_out = array("q")
        self._lost = 0
        self._shares: set[Share] = set()

    def leaves_out(self, request_id: str, rows: int, seconds: float) -> bool:
        """Whether a request that is answered now, `seconds` since 1970, is surely not logged.

        At high rates that is nearly every one: they wait for nobody and pay next to nothing.
        """
        if not (self.halvings and self._since <= seconds < self._until):
            return False
        # `_spread`, of which even the call would be felt
        if crc32(request_id.encode()) * _SPREAD & _MASK < self._bound:
            return False
        self._left_out.append(rows)
        return True

    def takes(self, request_id: str, rows: int, seconds: float) -> bool:
        """Whether a request is logged that is answered now, `seconds` since 1970."""
        if not self._most:
            return True
        if not self._since <= seconds < self._until:
            self._turn(int(seconds))
        if self.leaves_out(request_id, rows, seconds):
            return False
        self._kept += rows
        while self._kept > self._limit and self.halvings < MOST_HALVINGS:
            self._add_up()
            self._halve(self.halvings + 1)
            self._limit += max(self._most / 2**self.halvings, 1.0)
        return True

    def lost(self) -> tuple[int, set[Share]]:
        """Rows left out since the last call, and the shares by which it was chosen."""
        self._add_up()
        lost, self._lost = self._lost, 0
        shares, self._shares = self._shares, set()
        return lost, shares

    def _turn(self, second: int) -> None:
        """Sets the share for this second by what the last one saw."""
        self._add_up()
        seen = self._seen + self._kept if second == int(self._until) else 0
        halvings = 0
        while seen > self._most << halvings and halvings < MOST_HALVINGS:
            halvings += 1
        self._halve(halvings)
        self._since, self._until = float(second), second + 1.0
        self._seen, self._kept, self._limit = 0, 0, float(self._most)

    def _halve(self, halvings: int) -> None:
        self.halvings = halvings
        self._bound = _ALL >> halvings

    def _add_up(self) -> None:
        """Takes in what was left out at the share of now."""
        number = len(self._left_out)
        if number:
            # others may append in between: each of these steps is one step for other threads
            rows = sum(self._left_out[:number])
            del self._left_out[:number]
            self._seen += rows
            self._lost += rows
            self._shares.add((int(self._since) // 3600, self.halvings))
