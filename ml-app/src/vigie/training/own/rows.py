"""The rows of a caller's own model on both sides: what the package learns from, what judges it."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.errors import DataError, InvalidInput
from vigie.models.decoding import RowDecoder
from vigie.training.dataset import Dataset, split
from vigie.training.own.table import read_table
from vigie.training.own.targets import read_alike

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vigie.training.own.model import OwnModel
    from vigie.training.own.table import OwnTable

FEWEST_HELD_OUT = 10
FEWEST_ROWS = 5 * FEWEST_HELD_OUT
SOURCE = "rows given to vigie.log_model"


@dataclass(frozen=True)
class OwnRows:
    """Rows on both sides; `fresh` says that the caller held some of them out himself."""

    training: Dataset
    held_out: Dataset
    fresh: bool = False

    @property
    def judged_by(self) -> str:
        """How many rows judge the model, and whether it may have learnt from them."""
        count = len(self.held_out)
        return f"{count} held-out rows" if self.fresh else f"{count} of the rows given"

    def kept(self, most: int) -> Dataset:
        """The held-out rows that go into the package; none of those without one truth each."""
        if self.held_out.target.ndim > 1:
            return self.held_out.take(np.arange(0))
        return self.held_out.spread(most)


def hold_out(
    own: OwnModel, given: tuple[Any, Any] | None, columns: Sequence[str] | None
) -> OwnRows:
    """The rows given as held out, else a fifth of all, by a hash of each row."""
    whole = _dataset(own, own.table, own.target.truths)
    if given is None:
        training, held_out = split(whole)
        if min(len(training), len(held_out)) < FEWEST_HELD_OUT:
            # few different rows, each of them many times
            training, held_out = split(replace(whole, ids=_told_apart(whole.ids)))
        if min(len(training), len(held_out)) < FEWEST_HELD_OUT:
            raise DataError(
                f"inputs: {len(whole)} rows are too few to judge by; give at least {FEWEST_ROWS}, "
                "or held_out=(inputs, targets)"
            )
        return OwnRows(training, held_out)
    if not isinstance(given, list | tuple) or len(given) != 2:
        raise DataError("held_out= is a pair (inputs, targets)")
    inputs, targets = given
    table = _read_alike(own, inputs, columns)
    if table.names != own.table.names:
        raise DataError(
            f"held_out: the columns are {', '.join(table.names)}, those of inputs are "
            f"{', '.join(own.table.names)}"
        )
    outputs = [own.network.tensors[0], *(output.tensor for output in own.others)]
    truths = read_alike(targets, own.target, outputs, len(table))
    held_out = _dataset(own, table, truths)
    if len(held_out) < FEWEST_HELD_OUT:
        raise DataError(f"held_out: {len(held_out)} rows, at least {FEWEST_HELD_OUT} are needed")
    return OwnRows(whole, held_out, fresh=True)


def _read_alike(own: OwnModel, inputs: Any, columns: Sequence[str] | None) -> OwnTable:
    """Other rows in the form that the first were given in."""
    names = own.table.names
    if isinstance(inputs, list | tuple) and len(inputs) == len(names) > 1:
        inputs = dict(zip(names, inputs, strict=True))
    elif isinstance(inputs, np.ndarray) and own.table.listed:
        columns = names
    return read_table(inputs, columns, "held_out")


def _told_apart(ids: Sequence[str]) -> list[str]:
    """Ids with a number behind each repetition."""
    seen: Counter[str] = Counter()
    apart = []
    for one in ids:
        apart.append(f"{one} {seen[one]}")
        seen[one] += 1
    return apart


def _dataset(own: OwnModel, table: OwnTable, truths: np.ndarray) -> Dataset:
    ids = table.row_ids()
    columns = {own.names[column.name]: column.values for column in table.columns}
    digest = hashlib.sha256("\n".join(ids).encode() + truths.astype(str).tobytes())
    ordered = {item.name: columns[item.name] for item in own.inputs}
    rows = Dataset(ordered, truths, ids, SOURCE, digest.hexdigest())
    _check(own, rows)
    return rows


def _check(own: OwnModel, rows: Dataset) -> None:
    """The package must take the very rows that it is made of."""
    sample = rows.spread(1000).rows()
    try:
        RowDecoder(own.inputs).decode(sample)
    except InvalidInput as refused:
        first = refused.fields[0]
        raise DataError(
            f"{first.field}: the rows hold {first.got}, what you say of it is {first.expected}"
        ) from None
