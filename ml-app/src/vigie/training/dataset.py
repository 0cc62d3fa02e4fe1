"""Training data as a recipe gives it, and its split by a hash of each row's id."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from vigie.models.reference_rows import LARGE_VALUES

if TYPE_CHECKING:
    from vigie.models.document import Rule
    from vigie.models.text import Text

HELD_OUT_PERCENT = 20


@dataclass(frozen=True)
class Dataset:
    """Clean rows: one list per input as callers send its values (`None` where absent), a target.

    A value of a shape is an array. `target` is float64 [rows] for a regression, text
    [rows] for a classification. Rows of one `ids` value stay on the same side of the split.
    """

    columns: Mapping[str, Sequence[Any]]
    target: np.ndarray
    ids: Sequence[str]
    source: Text
    sha256: str
    rules: tuple[Rule, ...] = ()
    generated: bool = False

    def __len__(self) -> int:
        return len(self.target)

    def take(self, rows: np.ndarray) -> Dataset:
        """The part of the data at these positions."""
        return Dataset(
            {name: [values[i] for i in rows] for name, values in self.columns.items()},
            self.target[rows],
            [self.ids[i] for i in rows],
            self.source,
            self.sha256,
            self.rules,
            self.generated,
        )

    def plus(self, other: Dataset) -> Dataset:
        """These rows, then those of `other`, which has the same columns; one digest over both."""
        if not len(other):
            return replace(self, rules=(*self.rules, *other.rules))
        return Dataset(
            {name: [*values, *other.columns[name]] for name, values in self.columns.items()},
            np.concatenate([self.target, other.target]),
            [*self.ids, *other.ids],
            self.source,
            hashlib.sha256(f"{self.sha256} {other.sha256}".encode()).hexdigest(),
            (*self.rules, *other.rules),
            self.generated,
        )

    def spread(self, count: int) -> Dataset:
        """At most `count` rows, evenly spread over the data."""
        chosen = np.linspace(0, len(self) - 1, min(count, len(self))).astype(int)
        return self.take(np.unique(chosen))

    def rows(self) -> list[dict[str, Any]]:
        """The rows as callers send them, large values as arrays; absent ones are left out."""
        names = list(self.columns)
        return [
            {name: value for name, value in zip(names, row, strict=True) if value is not None}
            for row in zip(*map(_plain, self.columns.values()), strict=True)
        ]

    def rows_sha256(self) -> str:
        """A digest of ids, inputs and targets: equal where the rows are the same."""
        digest = hashlib.sha256()
        for row_id, row, target in zip(self.ids, self.rows(), self.target.tolist(), strict=True):
            line = [row_id, sorted(row.items()), target]
            digest.update(orjson.dumps(line, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n")
        return digest.hexdigest()


def _plain(values: Sequence[Any]) -> Sequence[Any]:
    """The values of a column, small arrays as lists."""
    if values and isinstance(values[0], np.ndarray) and values[0].size <= LARGE_VALUES:
        return [value.tolist() for value in values]
    return values


def is_held_out(row_id: str, percent: int = HELD_OUT_PERCENT) -> bool:
    """True for the rows that no version of the model is ever trained on."""
    digest = hashlib.sha256(row_id.encode()).digest()
    return int.from_bytes(digest[:8], "big") % 100 < percent


def split(dataset: Dataset) -> tuple[Dataset, Dataset]:
    """Training rows and held-out rows: the same sides for the same ids, in every run."""
    held = np.array([is_held_out(row_id) for row_id in dataset.ids], bool)
    return dataset.take(np.flatnonzero(~held)), dataset.take(np.flatnonzero(held))
