"""How many values fell into each bin of a distribution that training saw."""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.models.profile import RESERVED_BINS, choice_bin
from vigie.monitoring.series_text import SeriesText

if TYPE_CHECKING:
    from vigie.models.profile import Distribution


class BinCounts(ABC):
    """The counts of one distribution, in the order of its bins, and what waits to be counted.

    `wait` may be called from any thread, all else from one at a time.
    """

    def __init__(self, distribution: Distribution, kind: str) -> None:
        self.distribution = distribution
        self.counts = np.zeros(len(distribution.bins), np.int64)
        self.bins = {name: place for place, name in enumerate(distribution.bins)}
        self.waiting: array[Any] = array(kind)
        """Eight bytes a value, and no object of each: what waits stays in the cache."""
        self._texts: tuple[SeriesText, bytes] | None = None
        self._text = b""

    @abstractmethod
    def wait(self, values: Any, missing: int = 0) -> None:
        """Keeps values, so many of them fills of missing ones, to be counted later."""

    @abstractmethod
    def numbers_in_bins(self, taken: np.ndarray) -> np.ndarray:
        """How many of these fall into each bin; they are as they wait."""

    def count(self, taken: np.ndarray) -> None:
        """Counts values that are as they wait."""
        self._text = b""
        self.counts += self.numbers_in_bins(taken)

    def add_up(self) -> None:
        """Counts what waits."""
        number = len(self.waiting)
        if number:
            taken = np.array(self.waiting[:number])
            # what others add in between goes behind
            del self.waiting[:number]
            self.count(taken)

    def texts(self, kind: str, labels: Mapping[str, str]) -> tuple[bytes, bytes]:
        """Its counts and its reference shares as a snapshot has them; `labels` never change."""
        if self._texts is None:
            bins = [{**labels, "bin": name} for name in self.distribution.bins]
            counted = SeriesText((f"vigie_{kind}_bin_total", one) for one in bins)
            reference = SeriesText((f"vigie_{kind}_reference_ratio", one) for one in bins)
            self._texts = counted, reference.of(self.distribution.shares)
        names, shares = self._texts
        self._text = self._text or names.of(self.counts.tolist())
        return self._text, shares


class NumberCounts(BinCounts):
    """The bins of numbers, and those of what is below, above or missing."""

    def __init__(self, distribution: Distribution, fill: object = None) -> None:
        super().__init__(distribution, "d")
        missing, below, above, _ = (self.bins[name] for name in RESERVED_BINS)
        # the last bin holds its upper edge, as in the profile; what is missing waits as infinity
        *edges, last = distribution.edges
        self._edges = np.array([*edges, np.nextafter(last, np.inf), np.inf])
        # by how many edges a number is not below
        self._reached = [below, *range(len(edges)), above, missing]
        self._fill = fill
        self.keep = self.waiting.fromlist
        """`wait` for a list of numbers of which none is missing: at once."""

    def wait(self, values: Sequence[float] | np.ndarray, missing: int = 0) -> None:
        """Keeps numbers, so many of them fills of missing ones, to be counted later."""
        numbers = np.array(values, np.float64)
        if missing:
            # by the kind of the values: a fill may be another number in 32 bits
            filled = np.flatnonzero(np.asarray(values) == self._fill)
            numbers[filled[:missing]] = np.inf
        self.waiting.frombytes(numbers.tobytes())

    def numbers_in_bins(self, taken: np.ndarray) -> np.ndarray:
        """How many of these numbers fall into each bin."""
        counts = np.zeros(len(self.counts), np.int64)
        reached = self._edges.searchsorted(taken, "right")
        counts[self._reached] = np.bincount(reached, minlength=len(self._reached))
        return counts


class ChoiceCounts(BinCounts):
    """The bins of choices, and those of other texts and of what is missing.

    The places of their bins wait: a text may be long, and is nobody's to keep.
    """

    def __init__(self, distribution: Distribution, fill: object = None) -> None:
        super().__init__(distribution, "l")
        # a choice may be called as a reserved bin, which is no choice
        names = [*RESERVED_BINS, *(name for name in self.bins if name not in RESERVED_BINS)]
        places = {name: self.bins.get(choice_bin(name)) for name in names}
        known = {name: place for name, place in places.items() if place is not None}
        self._place_of = _Places(known, self.bins["other"]).__getitem__
        self._missing, self._fill = self.bins["missing"], fill

    def wait(self, values: Iterable[str], missing: int = 0) -> None:
        """Keeps the bins of texts, so many of them fills of missing ones, to be counted later."""
        if not missing:
            self.waiting.extend(map(self._place_of, values))
            return
        for value in values:
            filled = missing > 0 and value == self._fill
            missing -= filled
            self.waiting.append(self._missing if filled else self._place_of(value))

    def places_of(self, choices: Sequence[str]) -> np.ndarray:
        """The place of the bin of each choice."""
        return np.array([self._place_of(choice) for choice in choices])

    def numbers_in_bins(self, taken: np.ndarray) -> np.ndarray:
        """How often each place of a bin is among these."""
        return np.bincount(taken, minlength=len(self.counts))


class _Places(dict[str, int]):
    """The places of bins by name, and that of all others."""

    def __init__(self, known: Mapping[str, int], other: int) -> None:
        super().__init__(known)
        self._other = other

    def __missing__(self, name: str) -> int:
        return self._other
