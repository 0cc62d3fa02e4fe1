"""Tensors of the Open Inference Protocol: read from JSON or binary data, and written as either."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.models.number_arrays import ends_of
from vigie.models.positional import in_order
from vigie.models.wording import kind_of
from vigie.serving.dialects.columns import wrong

if TYPE_CHECKING:
    from vigie.models.model_input import Input
    from vigie.models.rows import Columns

DTYPES: dict[str, np.dtype[Any]] = {
    name: np.dtype(code)
    for name, code in {
        "BOOL": "?",
        "UINT8": "u1",
        "UINT16": "<u2",
        "UINT32": "<u4",
        "UINT64": "<u8",
        "INT8": "i1",
        "INT16": "<i2",
        "INT32": "<i4",
        "INT64": "<i8",
        "FP16": "<f2",
        "FP32": "<f4",
        "FP64": "<f8",
    }.items()
}
"""The numeric datatypes and how they lie in binary data."""

INPUT_DATATYPES = {"float32": "FP32", "int64": "INT64", "string": "BYTES", "image": "BYTES"}
PHOTO_BYTES = "BYTES: the file of each photo, in base64 or as binary data"
_NONE = type(None)
_KINDS: dict[str, frozenset[type]] = {
    "b": frozenset({bool, _NONE}),
    "i": frozenset({int, _NONE}),
    "u": frozenset({int, _NONE}),
    "f": frozenset({int, float, _NONE}),
}


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a request, its form checked; `data` is JSON or the bytes of binary data."""

    where: str
    name: str
    datatype: str
    shape: tuple[int, ...]
    data: list[Any] | memoryview

    @property
    def rows(self) -> int:
        """The first size of the shape."""
        return self.shape[0]

    def column(self, item: Input) -> list[Any] | np.ndarray:
        """One value per row of the input; `InvalidInput` where it is no tensor for it."""
        self._check_fits(item)
        if item.is_image:
            return self._photos()
        flat = self._texts() if self.datatype == "BYTES" else self._numbers()
        if isinstance(flat, np.ndarray):
            shaped = flat.reshape(-1, *item.shape)
            return shaped if item.tensor != "string" else shaped.tolist()
        for size in reversed(item.shape):
            flat = [flat[start : start + size] for start in range(0, len(flat), size)]
        return flat

    def columns(self, inputs: Mapping[str, Input]) -> Columns:
        """One value per row of each input, from a table [rows, inputs] in the inputs' order."""
        if self.shape[1:] != (len(inputs),):
            expected = f"[{self.rows}, {len(inputs)}], {in_order(inputs)}"
            raise wrong(f"{self.where}.shape", expected, f"{list(self.shape)}")
        for item in inputs.values():
            self._check_datatype(item)
        flat = self._texts() if self.datatype == "BYTES" else self._numbers()
        if any(item.is_image for item in inputs.values()):
            raise wrong(self.where, "a tensor of their own for photos", "one of all inputs")
        columns: Columns = {}
        for place, (name, item) in enumerate(inputs.items()):
            values = flat[place :: len(inputs)]
            texts = item.tensor == "string"
            columns[name] = values.tolist() if isinstance(values, np.ndarray) and texts else values
        return columns

    def _check_fits(self, item: Input) -> None:
        # whoever sends pixels learns first that they are not what is wanted
        if item.is_image:
            self._check_datatype(item)
        rest, wanted = self.shape[1:], () if item.single else item.shape
        if rest != wanted and (wanted or rest != (1,)):
            expected = f"[{', '.join(map(str, (self.rows, *wanted)))}]"
            raise wrong(f"{self.where}.shape", expected, f"{list(self.shape)}")
        self._check_datatype(item)

    def _check_datatype(self, item: Input) -> None:
        if self.datatype != "BYTES" and self.datatype not in DTYPES:
            known = ", ".join([*DTYPES, "BYTES"])
            raise wrong(f"{self.where}.datatype", f"one of {known}", "another")
        is_text = self.datatype == "BYTES"
        if item.is_image and not is_text:
            raise wrong(f"{self.where}.datatype", PHOTO_BYTES, self.datatype)
        # a choice among integers may be spelled out
        takes_text = item.dtype == "string" or item.is_image
        if is_text != takes_text and not (is_text and item.tensor == "string"):
            expected = "BYTES" if takes_text else "a datatype of numbers"
            raise wrong(f"{self.where}.datatype", expected, self.datatype)

    def _numbers(self) -> list[Any] | np.ndarray:
        dtype = DTYPES[self.datatype]
        if isinstance(self.data, list):
            flat = self._flat(self.data)
            kinds = self._checked_kinds(flat, _KINDS[dtype.kind])
            self._check_range(flat, kinds, dtype)
            return [v if v is None else int(v) for v in flat] if dtype.kind == "b" else flat
        expected = prod(self.shape) * dtype.itemsize
        if len(self.data) != expected:
            raise wrong(f"{self.where}.data", f"{expected} bytes", f"{len(self.data)} bytes")
        if dtype.kind == "b":
            dtype = np.dtype("u1")
        # a copy: the body is not held by its columns
        numbers = np.frombuffer(self.data, dtype).copy()
        if self.datatype == "BOOL" and numbers.max() > 1:
            raise wrong(f"{self.where}.data", "bytes 0 and 1", "another")
        return numbers

    def _texts(self) -> list[Any]:
        if not isinstance(self.data, list):
            return read_texts(self.data, prod(self.shape), f"{self.where}.data")
        flat = self._flat(self.data)
        self._checked_kinds(flat, frozenset({str, _NONE}))
        return flat

    def _photos(self) -> list[Any]:
        """The files of photos: binary data as it is, and JSON, which has no bytes, as base64."""
        if not isinstance(self.data, list):
            return read_bytes(self.data, prod(self.shape), f"{self.where}.data", "photos")
        flat = self._flat(self.data)
        return [{"b64": value} if type(value) is str else value for value in flat]

    def _flat(self, data: list[Any]) -> list[Any]:
        """The values in row-major order, of data that is flat or nested as the shape says."""
        if len(data) == prod(self.shape) and list not in set(map(type, data)):
            return data
        level: list[Any] = [data]
        for size in self.shape:
            if not all(type(part) is list and len(part) == size for part in level):
                raise wrong(f"{self.where}.data", f"values of shape {list(self.shape)}", "others")
            level = [value for part in level for value in part]
        return level

    def _checked_kinds(self, flat: list[Any], kinds: frozenset[type]) -> set[type]:
        found = set(map(type, flat))
        if not found <= kinds:
            self._refuse_first(flat, lambda value: type(value) in kinds)
        return found

    def _check_range(self, flat: list[Any], kinds: set[type], dtype: np.dtype[Any]) -> None:
        if dtype.kind == "b":
            return
        ends = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
        low, high = ends.min, ends.max
        low, high = (int(low), int(high)) if dtype.kind in "iu" else (float(low), float(high))
        present = flat if _NONE not in kinds else [value for value in flat if value is not None]
        if not present:
            return
        least, most = ends_of(present, kinds - {_NONE})
        if not (low <= least and most <= high):
            self._refuse_first(flat, lambda value: value is None or low <= value <= high)

    def _refuse_first(self, flat: list[Any], good: Callable[[Any], bool]) -> None:
        for index, value in enumerate(flat):
            if not good(value):
                raise wrong(f"{self.where}.data[{index}]", self.datatype, kind_of(value))


def read_texts(data: memoryview, count: int, where: str) -> list[Any]:
    """Texts of binary data, in UTF-8."""
    try:
        return [str(part, "utf-8") for part in read_bytes(data, count, where)]
    except UnicodeDecodeError:
        raise wrong(where, "UTF-8", "other bytes") from None


def read_bytes(data: memoryview, count: int, where: str, what: str = "texts") -> list[memoryview]:
    """Values of binary data: each its length in 4 bytes, little-endian, then itself."""
    values: list[memoryview] = []
    start = 0
    for _ in range(count):
        begin = start + 4
        start = begin + int.from_bytes(data[start:begin], "little")
        if begin > len(data) or start > len(data):
            raise wrong(where, f"{count} {what} with their lengths", "fewer bytes")
        values.append(data[begin:start])
    if start != len(data):
        raise wrong(where, f"{count} {what} with their lengths", "more bytes")
    return values


def as_json(values: np.ndarray) -> list[Any]:
    """The values in row-major order."""
    found: list[Any] = values.ravel().tolist()
    return found


def as_binary(values: np.ndarray, datatype: str) -> bytes:
    """The values as binary data."""
    if datatype != "BYTES":
        return values.astype(DTYPES[datatype]).tobytes()
    texts = [text.encode() for text in as_json(values)]
    return b"".join(len(text).to_bytes(4, "little") + text for text in texts)
