"""`profile.json`: how each input and the prediction were distributed in the training data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from vigie.models.photo_figures import FIGURES

if TYPE_CHECKING:
    from vigie.models.model_input import Input

QUANTILES = 10
FEWEST_QUANTILES = 4
PHOTOS_PER_BIN = 25
"""The index of n photos is by chance about (bins - 1) (1 / n + 1 / reference)."""
RESERVED_BINS = ("missing", "below", "above", "other")
SMOOTHING = 0.5
"""Added to every bin's count, so that no share is zero (Jeffreys' prior for a multinomial)."""


class Distribution(BaseModel):
    """Bins and their shares: up to ten quantile bins between `edges`, or one bin per choice.

    `shares` holds the bins in the order of `bins`, the reserved ones last; they sum to 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["numeric", "choice"]
    edges: tuple[float, ...] = ()
    bins: tuple[str, ...] = Field(min_length=1)
    shares: tuple[float, ...]

    @model_validator(mode="after")
    def _agree(self) -> Distribution:
        if len(set(self.bins)) != len(self.bins):
            raise ValueError("two bins of a distribution have the same name")
        if len(self.bins) != len(self.shares) or any(share <= 0 for share in self.shares):
            raise ValueError("a distribution has one share above zero per bin")
        if self.kind == "numeric" and len(self.edges) != len(self.bins) - len(RESERVED_BINS) + 1:
            raise ValueError("a numeric distribution has one edge more than bins")
        return self


class Profile(BaseModel):
    """The reference that live traffic is compared with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int = Field(ge=1)
    inputs: dict[str, Distribution]
    prediction: Distribution


def build_profile(
    inputs: Sequence[Input],
    columns: Mapping[str, Sequence[object]],
    prediction: np.ndarray | Sequence[str],
    figures: Mapping[str, Sequence[Sequence[float]]] | None = None,
) -> Profile:
    """The profile of training rows: `columns` as callers send them, `None` for an absent value.

    `prediction` holds one number per row, or one label per row. `figures` has `FIGURES` per row of
    each input that is an image: each figure is described under `<input>.<figure>`.
    """
    described = {
        item.name: (
            _choice_distribution(columns[item.name], item.choices.values)
            if item.choices
            else _numeric_distribution(columns[item.name])
        )
        for item in inputs
        if not item.shape and (item.choices or item.dtype != "string")
    }
    for name, rows in (figures or {}).items():
        table = np.asarray(rows, np.float64)
        bins = int(np.clip(len(table) // PHOTOS_PER_BIN, FEWEST_QUANTILES, QUANTILES))
        described |= {
            f"{name}.{figure}": _numeric_distribution(table[:, place].tolist(), bins)
            for place, figure in enumerate(FIGURES)
        }
    outcome = (
        _numeric_distribution(prediction.tolist())
        if isinstance(prediction, np.ndarray)
        else _choice_distribution(prediction, tuple(sorted(set(prediction))))
    )
    return Profile(rows=len(prediction), inputs=described, prediction=outcome)


def smoothed(counts: np.ndarray) -> np.ndarray:
    """The shares [bins] of counts [bins], none of them zero."""
    shares: np.ndarray = (counts + SMOOTHING) / (counts.sum() + SMOOTHING * len(counts))
    return shares


def _numeric_distribution(values: Sequence[object], bins: int = QUANTILES) -> Distribution:
    present = np.array([v for v in values if v is not None], np.float64)
    edges = np.unique(np.quantile(present, np.linspace(0, 1, bins + 1)))
    if len(edges) == 1:
        edges = np.array([edges[0], np.nextafter(edges[0], np.inf)])
    counts, _ = np.histogram(present, edges)
    reserved = [len(values) - len(present), 0, 0, 0]
    return Distribution(
        kind="numeric",
        edges=tuple(float(e) for e in edges),
        bins=_bin_names(edges) + RESERVED_BINS,
        shares=tuple(smoothed(np.concatenate([counts, reserved])).tolist()),
    )


def _bin_names(edges: np.ndarray) -> tuple[str, ...]:
    """`low..high` per bin, with as many digits as tell the bins apart."""
    for digits in (6, 9, 12, 17):
        ends = [f"{edge:.{digits}g}" for edge in edges]
        if len(set(ends)) == len(ends):
            break
    return tuple(f"{low}..{high}" for low, high in pairwise(ends))


def _choice_distribution(values: Sequence[object], choices: Sequence[str]) -> Distribution:
    texts = [None if v is None else _choice_text(v) for v in values]
    known = [sum(text == choice for text in texts) for choice in choices]
    missing = sum(text is None for text in texts)
    reserved = [missing, 0, 0, len(texts) - missing - sum(known)]
    return Distribution(
        kind="choice",
        bins=tuple(map(choice_bin, choices)) + RESERVED_BINS,
        shares=tuple(smoothed(np.array(known + reserved)).tolist()),
    )


def choice_bin(choice: str) -> str:
    """The bin of a choice: its own name, in quotes where a reserved bin has that name."""
    return f'"{choice}"' if choice in RESERVED_BINS else choice


def _choice_text(value: object) -> str:
    """An integer that came as 3.0 is the choice 3, as in decoding."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
