"""Which requests are logged: all, or above a rate a uniform sample by the hash of their id."""

from __future__ import annotations

from zlib import crc32

MOST_HALVINGS = 20
_BITS = 32
_SPREAD = 2654435761  # Knuth, The Art of Computer Programming 3, 6.4: ids that count up spread too


def halvings_of(request_id: str) -> int:
    """How often the share may be halved before it leaves this id out.

    The same everywhere and for ever, so that all rows of a request share one fate.
    """
    spread = crc32(request_id.encode()) * _SPREAD & 0xFFFFFFFF
    return _BITS - spread.bit_length()


class RateCap:
    """Chooses the share so that about `most` rows a second are logged. Not for several threads.

    Within a second the share halves at `most` rows, and again at half as many more each time, so
    that no second has more than twice as many, but for the rows of a single request.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._second = 0
        self._seen = 0
        self._kept = 0
        self._limit = float(most)
        self.halvings = 0
        self._noted = False
        self.shares: set[tuple[int, int]] = set()
        """The hours, since 1970, in which requests were left out, and at which halvings."""

    def takes(self, request_id: str, rows: int, seconds: float) -> bool:
        """Whether a request is logged that is answered now, `seconds` since 1970."""
        if not self._most:
            return True
        second = int(seconds)
        if second != self._second:
            self._turn(second)
        self._seen += rows
        if self.halvings and halvings_of(request_id) < self.halvings:
            if not self._noted:
                self._noted = True
                self.shares.add((second // 3600, self.halvings))
            return False
        self._kept += rows
        while self._kept > self._limit and self.halvings < MOST_HALVINGS:
            self.halvings += 1
            self._noted = False
            self._limit += max(self._most / 2**self.halvings, 1.0)
        return True

    def _turn(self, second: int) -> None:
        """Sets the share for the next second by what the last one saw."""
        seen = self._seen if second == self._second + 1 else 0
        self.halvings = 0
        while seen > self._most << self.halvings and self.halvings < MOST_HALVINGS:
            self.halvings += 1
        self._second, self._seen, self._kept, self._limit = second, 0, 0, float(self._most)
        self._noted = False
