"""The rows that a package carries to be checked by.

`golden.json`: a few rows with the answers that the trained model gave. `held_out.json`: rows that
no version was trained on, with their truths.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from vigie.errors import RefusedPackage


class Golden(BaseModel):
    """Rows as a caller sends them, and for each output its value per row."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    rows: tuple[dict[str, Any], ...] = Field(min_length=1)
    outputs: dict[str, tuple[Any, ...]] = Field(min_length=1)
    relative_tolerance: float = Field(default=1e-4, gt=0, le=0.1)
    absolute_tolerance: float = Field(default=1e-6, ge=0)

    def check(self, answered: dict[str, np.ndarray]) -> None:
        """Refuses unless `answered` (name -> [rows, ...]) equals the recorded outputs."""
        for name, wanted in self.outputs.items():
            if name not in answered:
                raise RefusedPackage(f"the golden rows name an output that is not there: {name}")
            expected = _numbers(name, wanted)
            got = np.asarray(answered[name], np.float64)
            if got.shape != expected.shape:
                raise RefusedPackage(f"golden rows: output {name} has another shape")
            close = np.isclose(got, expected, self.relative_tolerance, self.absolute_tolerance)
            if not close.all():
                worst = float(np.nanmax(np.abs(got - expected)))
                raise RefusedPackage(
                    f"golden rows: output {name} differs by up to {worst:.3g} "
                    "from the recorded answers"
                )


class HeldOut(BaseModel):
    """Rows as a caller sends them, and the true value of each: a number, or a label."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    rows: tuple[dict[str, Any], ...] = Field(min_length=1)
    actual: tuple[float | str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _agree(self) -> HeldOut:
        if len(self.rows) != len(self.actual):
            raise ValueError("there is not one truth per row")
        return self


def _numbers(name: str, values: tuple[Any, ...]) -> np.ndarray:
    try:
        numbers = np.asarray(values, np.float64)
    except (ValueError, TypeError):
        numbers = np.array(np.nan)
    if not np.isfinite(numbers).all():
        raise RefusedPackage(f"golden rows: output {name} holds something that is no number")
    return numbers
