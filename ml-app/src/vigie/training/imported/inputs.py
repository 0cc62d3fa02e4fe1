"""What an imported model takes, as the inputs of a package, and rows to try it on."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vigie.errors import DataError
from vigie.frames import input_name
from vigie.models.model_input import Input
from vigie.training.imported.drawing import drawn_photo

TRIED_ROWS, FEWEST_TRIED = 8, 2
TRIED_NUMBERS = 1_000_000
"""Of all rows that a model is tried on: of photos of 224 pixels six."""
MOST_NUMBERS = 1_000_000
_LIMITS = {
    "bool": (0, 1),
    "float16": (-65504, 65504),
    **{f"int{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32)},
    **{f"uint{bits}": (0, 2**bits - 1) for bits in (8, 16, 32)},
    "uint64": (0, None),
}
"""What a type of the model holds, where the type that a package takes instead holds more."""


@dataclass(frozen=True)
class InputTensor:
    """An input of the model itself; `shape` is without the rows, `None` for a size left open."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]


def safe_name(name: str) -> str:
    """A name that a caller can write in JSON and in a form: letters, digits and `_`."""
    return input_name(name.split(":")[0])


def describe_inputs(
    tensors: Sequence[InputTensor], columns: Sequence[str] = ()
) -> tuple[Input, ...]:
    """The inputs of the package; `columns` names the numbers of the one vector that it takes."""
    if columns:
        return _split(tensors, columns)
    names = [safe_name(tensor.name) for tensor in tensors]
    if len(set(names)) != len(names):
        raise DataError("two inputs of the model have the same name")
    return tuple(_describe(name, tensor) for name, tensor in zip(names, tensors, strict=True))


def _split(tensors: Sequence[InputTensor], columns: Sequence[str]) -> tuple[Input, ...]:
    if len(tensors) != 1 or len(tensors[0].shape) != 1 or tensors[0].dtype == "string":
        raise DataError("--columns is for a model that takes one list of numbers")
    if tensors[0].shape != (len(columns),):
        raise DataError(
            f"--columns names {len(columns)} columns, the model takes {tensors[0].shape[0]}"
        )
    kind = tensors[0].dtype
    return describe_inputs([InputTensor(column, kind, ()) for column in columns])


def _describe(name: str, tensor: InputTensor) -> Input:
    shape = () if tensor.shape == (1,) else tensor.shape
    sizes = tuple(size for size in shape if size)
    if len(sizes) != len(shape):
        raise DataError(f"the model's input {tensor.name} has a size that is not fixed")
    if int(np.prod(sizes or (1,))) > MOST_NUMBERS:
        raise DataError(f"the model's input {tensor.name} is too large for a request")
    kind = "float32"
    if tensor.dtype == "string":
        kind = "string"
    elif re.fullmatch(r"u?int\d+|bool", tensor.dtype):
        kind = "int64"
    elif not tensor.dtype.startswith(("float", "bfloat")):
        raise DataError(f"the model's input {tensor.name} is of the type {tensor.dtype}")
    one: Any = {"float32": 1.0, "int64": 1, "string": "text"}[kind]
    return Input.model_validate(
        {
            "name": name,
            "label": name.replace("_", " "),
            "dtype": kind,
            "tensor": kind,
            "shape": sizes,
            "limits": _LIMITS.get(tensor.dtype),
            "example": _filled(sizes, lambda: one),
        }
    )


def fitting_rows(inputs: Sequence[Input], most: int = TRIED_ROWS) -> int:
    """At most so many rows, fewer where a row is large."""
    numbers = sum(math.prod(item.shape) for item in inputs)
    return min(most, max(TRIED_NUMBERS // numbers, FEWEST_TRIED))


def example_rows(inputs: Sequence[Input]) -> list[dict[str, Any]]:
    """Made-up rows to try the model on: numbers from 0 to 1, the integers 0 and 1, a few words.

    Of photos drawn ones.
    """
    rng = np.random.default_rng(7)
    make: dict[str, Callable[[], Any]] = {
        "float32": lambda: round(float(rng.random()), 4),
        "int64": lambda: int(rng.integers(0, 2)),
        "string": lambda: str(rng.choice(["a", "b", "c"])),
    }
    return [
        {
            item.name: drawn_photo(item.shape[0], item.shape[1], number)
            if item.is_image
            else _filled(item.shape, make[item.dtype])
            for item in inputs
        }
        for number in range(fitting_rows(inputs))
    ]


def _filled(shape: Sequence[int], make: Any) -> Any:
    if not shape:
        return make()
    return [_filled(shape[1:], make) for _ in range(shape[0])]
