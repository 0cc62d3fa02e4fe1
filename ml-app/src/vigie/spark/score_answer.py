"""How answers become columns of a table: of one row of the signature, or of one photo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from vigie.spark.arrow import list_array

if TYPE_CHECKING:
    from vigie.engines.predictor import Answers
    from vigie.models.document import PackageDocument
    from vigie.models.model_output import Output


@dataclass(frozen=True, slots=True)
class ScoreAnswer:
    """The columns of a model's answers, called as `vigie batch` calls them.

    A vector is one column of lists. Outputs behind the first one have their own names. Neighbours
    are lists of what an answer says of each.
    """

    names: tuple[tuple[str, str], ...]
    every_output: bool = False
    neighbours: bool = True

    @classmethod
    def of_rows(cls, document: PackageDocument) -> ScoreAnswer:
        """The columns beside those of a table."""
        return cls(_names(document, "prediction", "prediction_score"))

    @classmethod
    def of_photos(cls, document: PackageDocument) -> ScoreAnswer:
        """The columns beside the name of a photo."""
        return cls(_names(document, "prediction_label", "prediction_score"))

    def schema(self) -> pa.Schema:
        """The columns and their types."""
        return pa.schema([(name, _TYPES[kind]) for name, kind in self.names])

    def columns(self, document: PackageDocument, answers: Answers) -> dict[str, pa.Array]:
        """The columns of some answers, by name."""
        first, *others = document.shown_outputs
        values = answers.outputs[first.name]
        found: list[pa.Array] = []
        if document.task == "classification":
            found += [pa.array(answers.labels(document)), _numbers(values.max(axis=1))]
        else:
            found.append(_column(values, first))
        if answers.lower is not None and answers.upper is not None:
            found += [_numbers(answers.lower), _numbers(answers.upper)]
        found += [_column(answers.outputs[one.name], one) for one in others]
        if answers.nearest is not None:
            found.append(pa.array(answers.nearest.told(document.labels), _TYPES["neighbours"]))
        return {name: one for (name, _), one in zip(self.names, found, strict=True)}


_NEIGHBOUR = pa.struct(
    [("label", pa.string()), ("similarity", pa.float64()), ("photo", pa.string())]
)
_TYPES = {
    "text": pa.string(),
    "number": pa.float64(),
    "list": pa.list_(pa.float32()),
    "neighbours": pa.list_(_NEIGHBOUR),
}


def _names(document: PackageDocument, answer: str, score: str) -> tuple[tuple[str, str], ...]:
    first, *others = document.shown_outputs
    if document.task == "classification":
        names = [(answer, "text"), (score, "number")]
    else:
        names = [("prediction", _kind(first))]
    if document.interval:
        names += [("prediction_lower", "number"), ("prediction_upper", "number")]
    names += [(f"prediction_{one.name}", _kind(one)) for one in others]
    if document.neighbours:
        names.append(("prediction_neighbours", "neighbours"))
    return tuple(names)


def _kind(output: Output) -> str:
    return "list" if output.shape else "number"


def _column(values: np.ndarray, output: Output) -> pa.Array:
    return list_array(values.reshape(len(values), -1)) if output.shape else _numbers(values)


def _numbers(values: np.ndarray) -> pa.Array:
    return pa.array(values.astype(np.float64))
