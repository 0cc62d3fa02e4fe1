"""The scalings of pixels that models are trained on, by name or by their figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from vigie.errors import DataError

Channels = tuple[float, float, float]


@dataclass(frozen=True)
class Scaling:
    """`pixels * scale + offset` for pixels from 0 to 255, per channel; `bgr` turns them first."""

    name: str
    what: str
    scale: Channels = (1.0, 1.0, 1.0)
    offset: Channels = (0.0, 0.0, 0.0)
    bgr: bool = False

    @property
    def is_identity(self) -> bool:
        """True where the numbers stay from 0 to 255."""
        return not self.bgr and set(self.scale) == {1.0} and set(self.offset) == {0.0}

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels [rows, height, width, 3] as the model takes them, float32."""
        values = pixels.astype(np.float32)
        if self.bgr:
            values = values[..., ::-1]
        return values * np.array(self.scale, np.float32) + np.array(self.offset, np.float32)

    def to_dict(self) -> dict[str, Any]:
        """The scaling as JSON has it."""
        return {"name": self.name, "scale": self.scale, "offset": self.offset, "bgr": self.bgr}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Self:
        """The scaling that `to_dict` wrote."""
        what = NAMED[found["name"]].what if found["name"] in NAMED else "by its own figures"
        scale, offset = _channels(found["scale"]), _channels(found["offset"])
        return cls(found["name"], what, scale, offset, bool(found["bgr"]))


def _channels(numbers: Sequence[float]) -> Channels:
    red, green, blue = map(float, numbers)
    return red, green, blue


def _same(number: float) -> Channels:
    return number, number, number


_MEANS, _DEVIATIONS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NAMED = {
    scaling.name: scaling
    for scaling in (
        Scaling("none", "0 to 255, as they are"),
        Scaling("unit", "0 to 1", _same(1 / 255)),
        Scaling("symmetric", "-1 to 1", _same(1 / 127.5), _same(-1.0)),
        Scaling(
            "imagenet-caffe", "blue first, ImageNet's means taken off", _same(1.0),
            (-103.939, -116.779, -123.68), bgr=True,
        ),
        Scaling(
            "imagenet-torch", "0 to 1, ImageNet's means taken off, over its deviations",
            _channels([1 / (255 * d) for d in _DEVIATIONS]),
            _channels([-m / d for m, d in zip(_MEANS, _DEVIATIONS, strict=True)]),
        ),
    )
}  # fmt: skip
"""What `--scaling` takes, by name."""


def scaling_of(
    name: str | None, scale: str | None = None, offset: str | None = None
) -> Scaling | None:
    """The scaling that options state; `None` where they state none. Raises `DataError`."""
    if name is not None and (scale or offset):
        raise DataError("give --scaling, or --scale and --offset, not both")
    if scale or offset:
        return Scaling(
            "own", "by its own figures", _figures(scale or "1", "--scale"),
            _figures(offset or "0", "--offset"),
        )  # fmt: skip
    if name is None:
        return None
    if name not in NAMED:
        raise DataError(f"there is no scaling {name[:40]!r}; there are {', '.join(NAMED)}")
    return NAMED[name]


def _figures(text: str, option: str) -> Channels:
    """One number for all channels, or three."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    # graphs hold them in single precision
    if len(numbers) not in (1, 3) or not (np.abs(numbers) < np.finfo(np.float32).max).all():
        raise DataError(f"{option} is one number, or three with commas: red, green, blue")
    if option == "--scale" and 0 in numbers:
        raise DataError("a --scale of 0 makes all photos the same")
    return _channels(numbers * (3 // len(numbers)))
