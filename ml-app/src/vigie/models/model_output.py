"""An output of a model, and what people can read of it: labels and their notes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from vigie.models.text import Text


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Output(_Frozen):
    """One output of a model: its tensor in the graph and how its numbers are written.

    One that is not `shown` is in the graph, and in no answer unless it is asked for.
    """

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    label: Text
    tensor: str
    shape: tuple[int, ...] = ()
    unit: str | None = None
    decimals: int | None = Field(default=None, ge=0, le=12)
    shown: bool = True


class LabelNote(_Frozen):
    """What people can read of a label: a text, and where there is more of it (https alone)."""

    text: Text
    link: str | None = Field(default=None, max_length=2000, pattern=r"^https://[^\s\x00-\x1f]+$")


def best_labels(labels: Sequence[str], scores: np.ndarray) -> list[str]:
    """The label with the highest score of each row of `scores` [rows, labels]."""
    return [labels[place] for place in scores.argmax(axis=1).tolist()]
