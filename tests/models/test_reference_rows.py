"""The golden rows tell a model that answers differently."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from vigie.errors import RefusedPackage
from vigie.models.reference_rows import Golden, with_arrays, without_arrays, write_arrays


def golden(*values: Any, **more: Any) -> Golden:
    return Golden(rows=({"x": 1},), outputs={"y": values}, **more)


def test_equal_answers_are_accepted_within_the_tolerance() -> None:
    golden(1000.0, 2.0).check({"y": np.array([1000.09, 2.0]), "more": np.array([1])})
    golden([1.0, 2.0]).check({"y": np.array([[1.0, 2.0]], np.float32)})
    golden(0.0, absolute_tolerance=0.1).check({"y": np.array([0.09])})


def test_an_output_of_larger_numbers_has_a_tolerance_of_its_own() -> None:
    known = Golden(
        rows=({"x": 1},), outputs={"y": (0.0,), "v": (0.0,)}, absolute_tolerances={"v": 0.1}
    )
    known.check({"y": np.array([0.0]), "v": np.array([0.09])})
    with pytest.raises(RefusedPackage, match="output y differs"):
        known.check({"y": np.array([0.09]), "v": np.array([0.0])})
    with pytest.raises(RefusedPackage, match="output v differs"):
        known.check({"y": np.array([0.0]), "v": np.array([0.2])})


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


def test_large_values_lie_beside_the_rows_as_arrays(tmp_path: Path) -> None:
    pixels = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)
    write_arrays(tmp_path / "golden.npz", {"photo": pixels})
    golden = Golden(rows=({"age": 1}, {"age": 2}), outputs={"score": (0.0, 1.0)})
    rows = with_arrays(golden, tmp_path / "golden.npz").rows
    assert [row["age"] for row in rows] == [1, 2]
    assert (rows[1]["photo"] == pixels[1]).all()
    assert with_arrays(golden, tmp_path / "none.npz") is golden


def _flooding(path: Path) -> None:
    write_arrays(path, {"photo": np.zeros((2, 300 * 2**20 // 2), np.uint8)})


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (lambda path: path.write_bytes(b"nothing"), "no archive of arrays"),
        (lambda path: write_arrays(path, {"photo": np.zeros((3, 2), np.uint8)}), "per row"),
        (lambda path: write_arrays(path, {"photo": np.zeros((), np.uint8)}), "per row"),
        (lambda path: write_arrays(path, {"photo": np.array(["a", "b"])}), "per row"),
        (
            lambda path: np.savez(path, photo=np.array([{}, {}], object), allow_pickle=True),
            "no archive of arrays",
        ),
        (_flooding, "more than 268435456 bytes"),
    ],
)
def test_other_arrays_are_refused(
    tmp_path: Path, write: Callable[[Path], object], reason: str
) -> None:
    write(tmp_path / "golden.npz")
    golden = Golden(rows=({}, {}), outputs={"score": (0.0, 1.0)})
    with pytest.raises(RefusedPackage, match=reason):
        with_arrays(golden, tmp_path / "golden.npz")


def test_large_values_leave_the_rows_and_come_back(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    rows = [{"photo": one, "season": "spring"} for one in pixels]
    small, arrays = without_arrays(rows)
    assert small == ({"season": "spring"}, {"season": "spring"})
    write_arrays(tmp_path / "golden.npz", arrays)
    golden = Golden(rows=small, outputs={"y": (1.0, 2.0)})
    back = with_arrays(golden, tmp_path / "golden.npz").rows
    assert all(np.array_equal(row["photo"], one) for row, one in zip(back, pixels, strict=True))
    assert without_arrays([{"x": 1.0}]) == (({"x": 1.0},), {})
