"""The outputs of an original, made again of what its package answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from support.packages import iris_document
from vigie.models.document import PackageDocument
from vigie.models.original import OriginalOutput

SCORES = np.array([[0.1, 0.9], [0.7, 0.3]])
OUTPUTS = {"scores": SCORES, "margin": np.array([1.0, 2.0])}
LABELS = ("no", "yes")


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        ({"part": "values", "output": "scores", "shape": (2,)}, SCORES.tolist()),
        ({"part": "values", "output": "margin", "shape": (1,)}, [[1.0], [2.0]]),
        ({"part": "values", "output": "margin"}, [1.0, 2.0]),
        ({"part": "label", "shape": (1,)}, [["yes"], ["no"]]),
        ({"part": "label"}, ["yes", "no"]),
        ({"part": "labels", "shape": (2,)}, [["no", "yes"]] * 2),
        ({"part": "place", "shape": (1,)}, [[1], [0]]),
        ({"part": "places", "shape": (2,)}, [[0, 1]] * 2),
    ],
)
def test_an_output_is_made_again(described: dict[str, Any], expected: list[Any]) -> None:
    one = OriginalOutput.model_validate({"name": "any", **described})
    assert one.of(OUTPUTS, SCORES, LABELS).tolist() == expected


@pytest.mark.parametrize(
    "wrong",
    [
        {"part": "values", "output": "absent", "shape": (3,)},
        {"part": "values", "output": "probabilities", "shape": (2,)},
        {"part": "labels", "shape": (2,)},
        {"part": "place", "shape": (3,)},
    ],
)
def test_an_output_that_cannot_be_made_is_refused(wrong: dict[str, Any]) -> None:
    original = {"signature": "predict", "outputs": [{"name": "odd", **wrong}]}
    with pytest.raises(ValidationError, match="odd cannot be made"):
        PackageDocument.model_validate({**iris_document(), "original": original})
