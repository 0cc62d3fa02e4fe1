"""The golden rows tell a model that answers differently."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from vigie.errors import RefusedPackage
from vigie.models.reference_rows import Golden


def golden(*values: Any, **more: Any) -> Golden:
    return Golden(rows=({"x": 1},), outputs={"y": values}, **more)


def test_equal_answers_are_accepted_within_the_tolerance() -> None:
    golden(1000.0, 2.0).check({"y": np.array([1000.09, 2.0]), "more": np.array([1])})
    golden([1.0, 2.0]).check({"y": np.array([[1.0, 2.0]], np.float32)})
    golden(0.0, absolute_tolerance=0.1).check({"y": np.array([0.09])})


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"y": np.array([1000.2])}, "differs by up to 0.2"),
        ({"y": np.array([np.nan])}, "differs"),
        ({"y": np.array([1000.0, 1000.0])}, "another shape"),
        ({"y": np.array([[1000.0]])}, "another shape"),
        ({"z": np.array([1000.0])}, "not there: y"),
    ],
)
@pytest.mark.filterwarnings("ignore:All-NaN")
def test_other_answers_are_refused(answer: dict[str, np.ndarray], reason: str) -> None:
    with pytest.raises(RefusedPackage, match=reason):
        golden(1000.0).check(answer)


@pytest.mark.parametrize("values", [("text",), (None,), ([1.0], [1.0, 2.0]), ({"a": 1},)])
def test_answers_that_are_no_numbers_are_refused(values: Any) -> None:
    with pytest.raises(RefusedPackage, match="output y holds something that is no number"):
        golden(*values).check({"y": np.array([1.0])})


@pytest.mark.parametrize(
    "document",
    [
        {"rows": [], "outputs": {"y": [1]}},
        {"rows": [{"x": 1}], "outputs": {}},
        {"rows": [{"x": 1}], "outputs": {"y": [1]}, "relative_tolerance": 0.5},
        {"rows": [{"x": 1}], "outputs": {"y": [1]}, "surprise": 1},
    ],
)
def test_golden_rows_that_prove_nothing_are_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Golden.model_validate(document)
