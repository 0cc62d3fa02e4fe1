"""What an import found out about a model, as the parts of a package."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.errors import DataError
from vigie.models.decoding import RowDecoder
from vigie.models.feeds import feeds_of
from vigie.models.photo import photo_file
from vigie.models.reference_rows import LARGE_VALUES, write_arrays
from vigie.training.imported.inputs import example_rows, fitting_rows

if TYPE_CHECKING:
    from vigie.models.model_input import Input
    from vigie.training.imported.photos import TakenPhotos

ARRAYS = "golden.npz"
_EXAMPLE_SIDE = 64


def tried_rows(
    inputs: Sequence[Input], examples: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """The rows to try a model on, given or made up, and the arrays that its graph takes.

    Of large rows there are few; a photo is its pixels.
    """
    rows = examples[: fitting_rows(inputs, len(examples))] or example_rows(inputs)
    columns = RowDecoder(inputs).decode(rows).columns
    feeds = feeds_of(inputs, columns)
    large = {item.name: feeds[item.name] for item in inputs if _is_large(item)}
    rows = [
        row | {name: values[place] for name, values in large.items()}
        for place, row in enumerate(rows)
    ]
    return rows, feeds


def _is_large(item: Input) -> bool:
    return item.is_image or (math.prod(item.shape) > LARGE_VALUES and item.tensor != "string")


def parts_of(
    folder: Path,
    inputs: Sequence[Input],
    rows: list[dict[str, Any]],
    answers: dict[str, np.ndarray],
    labels: tuple[str, ...],
    photos: TakenPhotos | None = None,
    difference: float | None = None,
    problem: str | None = None,
) -> dict[str, Any]:
    """What the package says of the model, as plain JSON values.

    Large values of the rows go into `golden.npz` in `folder`.
    """
    outputs = [_output(name, values) for name, values in answers.items()]
    large = [item.name for item in inputs if _is_large(item)]
    if large:
        write_arrays(
            folder / ARRAYS, {name: np.stack([row[name] for row in rows]) for name in large}
        )
    return {
        "inputs": [{**item.model_dump(), "example": _example(item, rows[0])} for item in inputs],
        "outputs": outputs,
        "labels": labels,
        "rows": [{k: v for k, v in row.items() if k not in large} for row in rows],
        "scaling": photos and {"what": photos.scaling.what, "name": photos.scaling.name},
        "sign": photos and photos.sign,
        "answers": {
            output["name"]: answers[output["name"]].reshape(-1, *output["shape"]).tolist()
            for output in outputs
        },
        "difference": difference,
        "problem": problem,
    }


def _example(item: Input, row: dict[str, Any]) -> Any:
    if item.is_image:
        small = photo_file(row[item.name], _EXAMPLE_SIDE)
        return {"b64": base64.b64encode(small).decode()}
    # as it was described: all alike, so that it says its sizes and little else
    return item.example if _is_large(item) else row.get(item.name)


def _output(name: str, values: np.ndarray) -> dict[str, Any]:
    if not np.isfinite(values).all():
        raise DataError(
            f"the model answers with a {name} that is not finite; give rows with --examples"
        )
    shape = () if values.shape[1:] == (1,) else values.shape[1:]
    return {"name": name, "label": name.replace("_", " "), "tensor": name, "shape": shape}
