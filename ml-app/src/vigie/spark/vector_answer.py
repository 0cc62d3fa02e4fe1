"""How a vector of an answer becomes a column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from vigie.spark.arrow import list_array

if TYPE_CHECKING:
    from vigie.engines.predictor import Answers
    from vigie.models.document import PackageDocument


@dataclass(frozen=True, slots=True)
class VectorAnswer:
    """An output of numbers as one list a row."""

    output: str
    every_output: bool = False
    neighbours: bool = False

    def schema(self) -> pa.Schema:
        """The columns and their types."""
        return pa.schema([("vector", pa.list_(pa.float32()))])

    def columns(self, document: PackageDocument, answers: Answers) -> dict[str, pa.Array]:
        """The columns of some answers, by name."""
        values = answers.outputs[self.output]
        return {"vector": list_array(values.reshape(len(values), -1))}
