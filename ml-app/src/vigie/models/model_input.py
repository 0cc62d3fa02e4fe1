"""An input of a model: what a caller sends for it, and what the graph takes."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from vigie.models.number_limits import FLOAT32_MAX, INT64_MAX
from vigie.models.text import Text

Number = int | float
Scalar = str | int | float


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Choices(_Frozen):
    """The values a text or integer input may take."""

    values: tuple[str, ...] = Field(min_length=1)
    policy: Literal["closed", "open"] = "closed"
    labels: dict[str, Text] = {}

    @property
    def closed(self) -> bool:
        """True where any other value is refused; otherwise it is warned about and counted."""
        return self.policy == "closed"


class Missing(_Frozen):
    """What stands in the graph for an absent value: a fill, and a tensor that says so."""

    fill: Scalar
    indicator: str | None = None


class Resize(_Frozen):
    """How a photo of any size becomes one of the model's size.

    `stretch` ignores its aspect, `crop` keeps the middle, `pad` adds black at two sides.
    """

    filter: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bilinear"
    fit: Literal["stretch", "crop", "pad"] = "stretch"


class Input(_Frozen):
    """One input of a model, as a caller sends it and as the graph takes it.

    An input of dtype `image` is the file of a photo; the graph takes its pixels, uint8 of `shape`
    [height, width, 3].
    """

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    label: Text
    dtype: Literal["float32", "int64", "string", "image"]
    tensor: Literal["float32", "int64", "string", "uint8"]
    shape: tuple[int, ...] = ()
    resize: Resize | None = None
    unit: str | None = None
    required: bool = True
    missing: Missing | None = None
    limits: tuple[Number | None, Number | None] | None = None
    range: tuple[Number, Number] | None = None
    choices: Choices | None = None
    help: Text | None = None
    example: Any

    @model_validator(mode="after")
    def _agree(self) -> Input:
        if not self.required and self.missing is None:
            raise ValueError(f"input {self.name}: an optional input needs a fill in `missing`")
        if self.shape and (self.choices or self.missing):
            raise ValueError(f"input {self.name}: choices and missing are for single values")
        if any(size < 1 for size in self.shape):
            raise ValueError(f"input {self.name}: every size in its shape is at least 1")
        if self.is_image:
            self._check_image()
        elif self.resize is not None or self.tensor == "uint8":
            raise ValueError(f"input {self.name}: resize and uint8 are for images")
        if self.dtype == "string" and self.tensor != "string":
            raise ValueError(f"input {self.name}: a text stays a text in the graph")
        if self.dtype == "float32" and self.tensor == "int64":
            raise ValueError(
                f"input {self.name}: a number with a fraction is no int64 in the graph"
            )
        if self.choices and self.tensor != "string":
            raise ValueError(f"input {self.name}: a choice is a text in the graph")
        return self

    def _check_image(self) -> None:
        if self.tensor != "uint8" or self.resize is None:
            raise ValueError(f"input {self.name}: an image is uint8 in the graph and has a resize")
        if len(self.shape) != 3 or self.shape[2] != 3:
            raise ValueError(f"input {self.name}: the shape of an image is [height, width, 3]")
        if not self.required or self.limits or self.range:
            raise ValueError(f"input {self.name}: an image is required and has no limits")

    @property
    def is_image(self) -> bool:
        """True where it takes the file of a photo."""
        return self.dtype == "image"

    @property
    def single(self) -> bool:
        """True where a caller sends one value, a photo among them, and no array of values."""
        return self.is_image or not self.shape

    @property
    def integral(self) -> bool:
        """True where only whole numbers are taken."""
        return self.dtype == "int64"

    @property
    def flag(self) -> bool:
        """True where the numbers are 0 and 1: then true and false are taken for them."""
        return self.integral and self.limits == (0, 1) and self.choices is None and not self.shape

    @property
    def bounds(self) -> tuple[float, float]:
        """The smallest and largest number taken: the limits, and what the tensor can hold."""
        low, high = self.limits or (None, None)
        most = INT64_MAX if self.tensor == "int64" else FLOAT32_MAX
        return (
            -most if low is None else float(max(low, -most)),
            most if high is None else float(min(high, most)),
        )
