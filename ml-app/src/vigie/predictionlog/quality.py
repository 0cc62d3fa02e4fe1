"""How good the logged predictions were, where the truth is known: per version, and in slices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import func, select

from vigie.errors import NotFound
from vigie.predictionlog.joins import errors_of, joined_predictions
from vigie.predictionlog.tables import predictions

if TYPE_CHECKING:
    from vigie.predictionlog.database import Database

MOST_SLICES = 20
_PARTS = 4


@dataclass
class Quality:
    """Figures of one version or of a slice of its rows; `None` where nothing is known."""

    version: str
    part: str = ""
    logged: int | None = None
    joined: int = 0
    delays: list[float] = field(default_factory=list)
    errors: dict[str, list[float]] = field(default_factory=dict)

    def add(self, row: Any) -> None:
        """Adds one joined row."""
        self.joined += 1
        self.delays.append((row.received_us - row.answered_us) / 1e6)
        for kind, error in errors_of(row).items():
            self.errors.setdefault(kind, []).append(error)

    def mean(self, kind: str) -> float | None:
        """The mean of a kind of error."""
        errors = self.errors.get(kind)
        return math.fsum(errors) / len(errors) if errors else None

    @property
    def rmse(self) -> float | None:
        """The root of the mean squared error."""
        squared = self.mean("squared")
        return None if squared is None else math.sqrt(squared)

    @property
    def delay_seconds(self) -> float | None:
        """The median time from a prediction to its truth."""
        return median(self.delays) if self.delays else None

    def as_dict(self) -> dict[str, Any]:
        """All figures by name; errors as means, except `rmse`."""
        means = {kind: self.mean(kind) for kind in self.errors}
        return {
            "version": self.version, "part": self.part, "logged": self.logged,
            "truths": self.joined, "coverage": self.coverage, "rmse": self.rmse, **means,
            "median_delay_seconds": self.delay_seconds,
        }  # fmt: skip

    @property
    def coverage(self) -> float | None:
        """The share of the logged rows whose truth is known."""
        return self.joined / self.logged if self.logged else None


def quality_of(
    database: Database, model: str, version: str | None = None, by: Sequence[str] = ()
) -> list[Quality]:
    """The figures of each version of a model, and below them those of its slices by inputs.

    Raises `NotFound` where nothing of it is logged, or not the input that it is sliced by.
    """
    with database.begin() as connection:
        found = {
            row.version: Quality(row.version, logged=row.logged)
            for row in connection.execute(_counts(model, version))
        }
        if not found:
            raise NotFound("the log has no prediction of this model")
        rows: dict[str, list[Any]] = {name: [] for name in found}
        for row in joined_predictions(connection, model, version):
            found[row.version].add(row)
            if by:
                rows[row.version].append(row)
    return [
        figures
        for name, whole in found.items()
        for figures in (
            whole,
            *(part for item in by for part in _slices(name, item, rows[name])),
        )
    ]


def _counts(model: str, version: str | None) -> Any:
    table = predictions.c
    counts = select(table.version, func.count().label("logged")).where(table.model == model)
    if version is not None:
        counts = counts.where(table.version == version)
    return counts.group_by(table.version).order_by(func.min(table.answered_us))


def _slices(version: str, name: str, rows: Sequence[Any]) -> list[Quality]:
    """Figures per value of an input, per quarter where it has many numbers."""
    known = [(row, orjson.loads(row.inputs)) for row in rows if row.inputs]
    if any(name not in inputs for _, inputs in known) or (rows and not known):
        raise NotFound(f"the log has no input {name} of this model")
    values = [inputs[name] for _, inputs in known]
    parts: dict[str, Quality] = {}
    for (row, _), text in zip(known, _part_names(values), strict=True):
        part = f"{name} {text}"
        parts.setdefault(part, Quality(version, part)).add(row)
    return sorted(parts.values(), key=lambda part: part.joined, reverse=True)[:MOST_SLICES]


def _part_names(values: Sequence[Any]) -> list[str]:
    numbers = [value for value in values if type(value) in (int, float)]
    if len(set(numbers)) <= MOST_SLICES:
        return ["missing" if value is None else f"= {value}" for value in values]
    ends = quantiles(numbers, n=_PARTS, method="inclusive")
    edges = [min(numbers), *ends, max(numbers)]
    return ["missing" if value is None else _quarter(value, edges) for value in values]


def _quarter(value: float, edges: Sequence[float]) -> str:
    place = sum(value > edge for edge in edges[1:-1])
    return f"from {edges[place]:.6g} to {edges[place + 1]:.6g}"
