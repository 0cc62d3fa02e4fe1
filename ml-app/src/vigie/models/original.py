"""What the original of an imported model answered by name: for those who ask as they asked it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LONGEST_NAME = 200
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
Part = Literal["values", "label", "labels", "place", "places"]
"""Numbers of the package; the best label, all labels; the number of the best, all numbers."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class OriginalOutput(_Frozen):
    """An output as the original had it: its name, its shape for one row, and what it is made of.

    `output` is the package's output of its values.
    """

    name: Name
    part: Part
    output: str | None = None
    shape: tuple[int, ...] = ()

    def of(
        self, outputs: Mapping[str, np.ndarray], scores: np.ndarray, labels: Sequence[str]
    ) -> np.ndarray:
        """Its values for some rows, [rows, …]; texts are objects. `scores` are [rows, labels]."""
        rows = len(scores)
        made: np.ndarray
        if self.part == "values":
            made = outputs[str(self.output)]
        elif self.part == "label":
            made = np.array(labels, object)[scores.argmax(axis=1)]
        elif self.part == "place":
            made = scores.argmax(axis=1)
        else:
            every = np.array(labels, object) if self.part == "labels" else np.arange(len(labels))
            made = np.broadcast_to(every, (rows, len(labels)))
        return made.reshape(rows, *self.shape)


class Original(_Frozen):
    """The signature that callers of the original ask, and its outputs in its order.

    `left_out` names those that cannot be made of what the package answers.
    """

    signature: Name
    outputs: tuple[OriginalOutput, ...] = Field(min_length=1)
    left_out: tuple[Name, ...] = ()

    @property
    def by_name(self) -> bool:
        """True where it answered by name: it had several outputs, those that are left out too."""
        return len(self.outputs) + len(self.left_out) > 1
