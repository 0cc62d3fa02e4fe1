"""An imported model that takes photos: what is said of it, what it shows itself, what is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from vigie.errors import DataError
from vigie.models.model_input import Input, Resize
from vigie.training.imported.scaling import NAMED, Scaling

if TYPE_CHECKING:
    from vigie.training.imported.inputs import InputTensor

NAME = "photo"
LEAST_SIDE = 16
"""Smaller arrays of three numbers are taken for photos only where a scaling is stated."""
MOST_SIDE = 2048


@dataclass(frozen=True)
class PhotoOptions:
    """What the user says of photos: their scaling and size, how they are fitted, or that none are.

    `asks` says that somebody can be asked for what is neither said nor certain.
    """

    scaling: Scaling | None = None
    size: tuple[int, int] | None = None
    resize: Resize | None = None
    as_numbers: bool = False
    asks: bool = True

    def to_dict(self) -> dict[str, Any]:
        """The options as JSON has it."""
        scaling = self.scaling.to_dict() if self.scaling else None
        resize = self.resize.model_dump() if self.resize else None
        return {**asdict(self), "scaling": scaling, "resize": resize}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Self:
        """The options that `to_dict` wrote."""
        return cls(
            Scaling.from_dict(found["scaling"]) if found["scaling"] else None,
            tuple(found["size"]) if found["size"] else None,
            Resize.model_validate(found["resize"]) if found["resize"] else None,
            found["as_numbers"],
            found["asks"],
        )

    @property
    def stated(self) -> str | None:
        """The option by which the model is called one of photos."""
        given = {"--scaling": self.scaling, "--size": self.size, "--resize and --fit": self.resize}
        return next((option for option, value in given.items() if value is not None), None)


@dataclass(frozen=True)
class Finding:
    """What a model tells of its scaling: `name` in `NAMED`, and the sign of it.

    It is `certain` where the model itself maps pixels from 0 to 255.
    """

    name: str
    sign: str
    certain: bool = False


@dataclass(frozen=True)
class TakenPhotos:
    """The photo input of a package, and how its pixels become what the model takes.

    `first` says that the model takes the three channels as its first size. `sign` is the reason
    for a scaling that nobody stated.
    """

    item: Input
    scaling: Scaling
    first: bool
    sign: str | None = None

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """What the model takes of pixels, float32, in its own order of sizes."""
        values = self.scaling.apply(pixels)
        return np.moveaxis(values, -1, 1) if self.first else values


@dataclass(frozen=True)
class Question:
    """What must be said of a model of photos: its size where it is open, its scaling."""

    size: tuple[int, int] | None
    wants_scaling: bool
    finding: Finding | None

    def to_dict(self) -> dict[str, Any]:
        """The question as JSON has it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Self:
        """The question that `to_dict` wrote."""
        finding = Finding(**found["finding"]) if found["finding"] else None
        size = found["size"]
        return cls(tuple(size) if size else None, bool(found["wants_scaling"]), finding)


def size_of(text: str | None) -> tuple[int, int] | None:
    """Height and width of `224x224` or `224`; `None` for nothing. Raises `DataError`."""
    if not text:
        return None
    sides = [int(part) for part in text.lower().split("x") if part.strip().isdecimal()]
    if len(sides) != len(text.lower().split("x")) or len(sides) not in (1, 2):
        raise DataError("--size is the height and width of photos, such as 224x224")
    if not all(1 <= side <= MOST_SIDE for side in sides):
        raise DataError(f"--size: a side has 1 to {MOST_SIDE} pixels")
    return sides[0], sides[-1]


def decide(
    tensors: Sequence[InputTensor], options: PhotoOptions, find: Callable[[], Finding | None]
) -> TakenPhotos | Question | None:
    """The photo input of a model with these inputs; `None` where it takes none.

    `find` looks for what the model itself tells. Raises `DataError` for options that do not fit.
    """
    found = None if options.as_numbers else _sizes(tensors, options.scaling is not None)
    if options.as_numbers and options.stated:
        raise DataError(f"{options.stated} is for photos; --as-numbers takes none")
    if found is None:
        if options.stated:
            raise DataError(
                f"{options.stated} is for a model that takes photos, one input [height, width, 3]; "
                f"this one takes {_shapes(tensors)}"
            )
        return None
    own, first = found
    if not options.asks and options.scaling is None:
        return None
    size = _settled(own, options.size)
    finding = _of_type(tensors[0]) or find()
    certain = finding if finding and finding.certain else None
    scaling = options.scaling or (NAMED[certain.name] if certain else None)
    if scaling is None or size is None:
        return Question(size, scaling is None, finding)
    sign = None if options.scaling or not certain else certain.sign
    return TakenPhotos(_input(size, options.resize or Resize()), scaling, first, sign)


def _sizes(
    tensors: Sequence[InputTensor], stated: bool
) -> tuple[tuple[int | None, int | None], bool] | None:
    """Height and width of the photos that a model seems to take, and whether channels are first."""
    if len(tensors) != 1 or len(tensors[0].shape) != 3 or tensors[0].dtype in ("string", "bool"):
        return None
    shape = tensors[0].shape
    if shape[2] == 3:
        size, first = shape[:2], False
    elif shape[0] == 3:
        size, first = shape[1:], True
    else:
        return None
    if not stated and any(side is not None and side < LEAST_SIDE for side in size):
        return None
    return (size[0], size[1]), first


def _settled(
    own: tuple[int | None, int | None], wished: tuple[int, int] | None
) -> tuple[int, int] | None:
    """The size of the model, or the wished one where it leaves its size open."""
    sides = wished or (None, None)
    if any(a is not None and b is not None and a != b for a, b in zip(own, sides, strict=True)):
        takes = "x".join("any" if side is None else str(side) for side in own)
        raise DataError(f"--size {sides[0]}x{sides[1]}: the model takes photos of {takes}")
    height, width = (a or b for a, b in zip(own, sides, strict=True))
    return (height, width) if height and width else None


def _of_type(tensor: InputTensor) -> Finding | None:
    if tensor.dtype == "uint8":
        return Finding("none", "it takes whole numbers from 0 to 255 (uint8)", certain=True)
    return None


def _shapes(tensors: Sequence[InputTensor]) -> str:
    shown = [
        "[" + ", ".join("any" if size is None else str(size) for size in tensor.shape) + "]"
        for tensor in tensors[:3]
    ]
    return " and ".join(shown) + (f" and {len(tensors) - 3} more" if len(tensors) > 3 else "")


def _input(size: tuple[int, int], resize: Resize) -> Input:
    return Input(
        name=NAME, label={"en": "Photo", "fr": "Photo"}, dtype="image", tensor="uint8",
        shape=(*size, 3), resize=resize, example=None,
    )  # fmt: skip
