"""The rows that a package carries to be checked by.

`golden.json`: a few rows with the answers that the trained model gave. `held_out.json`: rows that
no version was trained on, with their truths. Values that are large, photos above all, lie beside
them as arrays, `golden.npz` and `held_out.npz`: [rows, …] by the input's name.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from vigie.errors import RefusedPackage


class Golden(BaseModel):
    """Rows as a caller sends them, and for each output its value per row.

    `absolute_tolerances` are those of outputs whose numbers are larger than others'.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    rows: tuple[dict[str, Any], ...] = Field(min_length=1)
    outputs: dict[str, tuple[Any, ...]] = Field(min_length=1)
    relative_tolerance: float = Field(default=1e-4, gt=0, le=0.1)
    absolute_tolerance: float = Field(default=1e-6, ge=0)
    absolute_tolerances: dict[str, Annotated[float, Field(ge=0)]] = {}

    def check(self, answered: dict[str, np.ndarray]) -> None:
        """Refuses unless `answered` (name -> [rows, ...]) equals the recorded outputs."""
        for name, wanted in self.outputs.items():
            if name not in answered:
                raise RefusedPackage(f"the golden rows name an output that is not there: {name}")
            expected = _numbers(name, wanted)
            got = np.asarray(answered[name], np.float64)
            if got.shape != expected.shape:
                raise RefusedPackage(f"golden rows: output {name} has another shape")
            absolute = self.absolute_tolerances.get(name, self.absolute_tolerance)
            close = np.isclose(got, expected, self.relative_tolerance, absolute)
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


MAX_ARRAY_BYTES = 256 * 2**20
LARGE_VALUES = 1000
"""An input of more numbers than so many is kept as an array."""
_Rows = TypeVar("_Rows", Golden, HeldOut)


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes one array [rows, …] per input."""
    with path.open("wb") as target:
        np.savez_compressed(target, allow_pickle=False, **dict(arrays))


def without_arrays(
    rows: Sequence[Mapping[str, Any]],
) -> tuple[tuple[dict[str, Any], ...], dict[str, np.ndarray]]:
    """Rows without their large values, and these as one array [rows, …] per input."""
    large = {
        name
        for name, value in (rows[0] if rows else {}).items()
        if isinstance(value, np.ndarray) and value.size > LARGE_VALUES
    }
    small = tuple({key: row[key] for key in row if key not in large} for row in rows)
    return small, {name: np.stack([row[name] for row in rows]) for name in sorted(large)}


def with_arrays(document: _Rows, path: Path) -> _Rows:
    """The document with the arrays of `path` as values of its rows, where there is such a file.

    Raises `RefusedPackage` for a file that holds anything but one array of numbers per input, a
    value for each row.
    """
    if not path.exists():
        return document
    name = f"vigie/{path.name}"
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_ARRAY_BYTES:
                raise RefusedPackage(f"{name} holds more than {MAX_ARRAY_BYTES} bytes")
        with np.load(path, allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in stored.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error):
        raise RefusedPackage(f"{name} is no archive of arrays") from None
    if any(len(array) != len(document.rows) for array in arrays.values() if array.ndim) or any(
        not array.ndim or array.dtype.kind not in "uif" for array in arrays.values()
    ):
        raise RefusedPackage(f"{name} has not one value of numbers per row")
    rows = tuple(
        row | {key: array[place] for key, array in arrays.items()}
        for place, row in enumerate(document.rows)
    )
    return document.model_copy(update={"rows": rows})


def _numbers(name: str, values: tuple[Any, ...]) -> np.ndarray:
    try:
        numbers = np.asarray(values, np.float64)
    except (ValueError, TypeError):
        numbers = np.array(np.nan)
    if not np.isfinite(numbers).all():
        raise RefusedPackage(f"golden rows: output {name} holds something that is no number")
    return numbers
