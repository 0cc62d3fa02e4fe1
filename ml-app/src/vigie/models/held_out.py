"""`held_out.json`: rows that no version was trained on, with their truths."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator


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
