"""A promise of speed, and whether a run bears it out."""

from __future__ import annotations

from dataclasses import dataclass

from bench.figures import Load, Results, Spread


@dataclass(frozen=True)
class Goal:
    """A promise; `seen` is None where the run did not measure it."""

    text: str
    limit: float
    seen: float | None
    at_least: bool = True
    unit: str = ""

    @property
    def holds(self) -> bool:
        """True where the run bears the promise out."""
        if self.seen is None:
            return False
        return self.seen >= self.limit if self.at_least else self.seen <= self.limit

    @property
    def verdict(self) -> str:
        """`holds`, `misses` or `not measured`."""
        if self.seen is None:
            return "not measured"
        return "holds" if self.holds else "misses"

    @property
    def wanted(self) -> str:
        """The limit in words."""
        return f"at {'least' if self.at_least else 'most'} {self.limit:g}{self.unit}"

    @property
    def found(self) -> str:
        """What was seen, in the same unit."""
        return "" if self.seen is None else f"{self.seen:.3g}{self.unit}"


def ratio_goal(
    results: Results, text: str, name: str, others: tuple[str, ...], load: Load, limit: float
) -> Goal:
    """That a contender's rate under a load is so many times the best of the others'."""
    return Goal(f"{load}: {text}", limit, median(results.ratio(name, others, load)), unit=" times")


def median(spread: Spread | None) -> float | None:
    """The median, where anything was measured."""
    return None if spread is None else spread.median
