"""The principal components of a vector: what `package.json` says of those that are in a graph."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Reduction(BaseModel):
    """The output `output` holds the first `components` principal components of `of`.

    `centred` says that the mean of the training rows is taken off before the projection, as
    scikit-learn does and Spark does not. `explained_variance` is the share of the variance of the
    training rows that each component has, the largest first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    output: str
    of: str
    components: int = Field(ge=1)
    centred: bool = True
    explained_variance: tuple[float, ...]

    @model_validator(mode="after")
    def _agree(self) -> Reduction:
        if len(self.explained_variance) != self.components:
            raise ValueError("there is not one share of the variance per component")
        return self

    def fits(self, widths: Mapping[str, int]) -> bool:
        """True where the vectors of these widths are what it speaks of."""
        return self.of in widths and widths.get(self.output) == self.components

    @property
    def share(self) -> float:
        """The share of the variance that all components have together."""
        return sum(self.explained_variance)
