"""What an import found out about a model, as the parts of a package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.errors import DataError
from vigie.models.decoding import RowDecoder, feeds_of
from vigie.training.imported.inputs import example_rows

if TYPE_CHECKING:
    from vigie.models.document import Input


def tried_rows(
    inputs: Sequence[Input], examples: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """The rows to try a model on, given or made up, and the arrays that its graph takes."""
    rows = examples or example_rows(inputs)
    return rows, feeds_of(inputs, RowDecoder(inputs).decode(rows).columns)


def parts_of(
    inputs: Sequence[Input],
    rows: list[dict[str, Any]],
    answers: dict[str, np.ndarray],
    labels: tuple[str, ...],
    difference: float | None,
    problem: str | None,
) -> dict[str, Any]:
    """What the package says of the model, as plain JSON values."""
    outputs = [_output(name, values) for name, values in answers.items()]
    return {
        "inputs": [item.model_dump() for item in inputs],
        "outputs": outputs,
        "labels": labels,
        "rows": rows,
        "answers": {
            output["name"]: answers[output["name"]].reshape(-1, *output["shape"]).tolist()
            for output in outputs
        },
        "difference": difference,
        "problem": problem,
    }


def _output(name: str, values: np.ndarray) -> dict[str, Any]:
    if not np.isfinite(values).all():
        raise DataError(
            f"the model answers with a {name} that is not finite; give rows with --examples"
        )
    shape = () if values.shape[1:] == (1,) else values.shape[1:]
    return {"name": name, "label": name.replace("_", " "), "tensor": name, "shape": shape}
