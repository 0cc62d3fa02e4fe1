"""The YAML file of the photo recipe: size, labels, base, augmentation, head."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from vigie.models.document import Input, Resize, Text
from vigie.training.photos.plan import Augmentation, HeadPlan, PhotoPlan
from vigie.training.plan import Plan, Target

SMALLEST, LARGEST = 32, 1024


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PhotosSpec(_Strict):
    """The photos: what the form calls them, their size in the network, the columns of a CSV.

    `size` is one number, or height and width. Without `path_column` and `label_column` the names
    `path`, `file`, `filename`, `photo`, `image` and `label`, `class` are looked for.
    """

    name: str = Field(default="photo", pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    label: Text = "Photo"
    help: Text | None = None
    size: int | tuple[int, int] = 224
    filter: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bilinear"
    fit: Literal["stretch", "crop", "pad"] = "stretch"
    path_column: str | None = None
    label_column: str | None = None

    @field_validator("size")
    @classmethod
    def _in_bounds(cls, size: int | tuple[int, int]) -> int | tuple[int, int]:
        sides = size if isinstance(size, tuple) else (size,)
        if not all(SMALLEST <= side <= LARGEST for side in sides):
            raise ValueError(f"a side has {SMALLEST} to {LARGEST} pixels")
        return size

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, 3."""
        height, width = self.size if isinstance(self.size, tuple) else (self.size, self.size)
        return height, width, 3


class PhotoTargetSpec(_Strict):
    """What is answered: its name and label, and what people call each label."""

    name: str = Field(default="probabilities", pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    label: Text = "Label"
    decimals: int | None = Field(default=6, ge=0, le=12)
    labels: dict[str, Text] = {}


class PhotoNetworkSpec(_Strict):
    """The base and what is trained of it."""

    base: str = "ResNet152V2"
    pooling: Literal["avg", "max"] = "avg"
    class_weights: bool = True
    fine_tune: bool = False
    fine_tune_epochs: int = Field(default=10, ge=1, le=1000)


class AugmentationSpec(_Strict):
    """Changed copies of training photos that are learnt from too."""

    copies: int = Field(default=1, ge=0, le=20)
    flip: bool = True
    crop: float = Field(default=0.15, ge=0, le=0.5)
    brightness: float = Field(default=0.2, ge=0, le=0.5)


class HeadSpec(_Strict):
    """What makes labels of features."""

    kind: Literal["auto", "linear", "dense"] = "auto"
    units: int = Field(default=256, ge=1, le=4096)
    dropout: float = Field(default=0.4, ge=0, lt=1)
    epochs: int = Field(default=100, ge=1)


class PhotoSpec(_Strict):
    """A whole recipe file for photos."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")
    title: Text
    task: Literal["classification"] = "classification"
    source: Text = "photos"
    photos: PhotosSpec
    target: PhotoTargetSpec = PhotoTargetSpec()
    network: PhotoNetworkSpec = PhotoNetworkSpec()
    augmentation: AugmentationSpec = AugmentationSpec()
    head: HeadSpec = HeadSpec()

    def plan(self) -> PhotoPlan:
        """What is to be trained, before any photo was seen."""
        target, photos = self.target, self.photos
        item = Input(
            name=photos.name,
            label=photos.label,
            help=photos.help,
            dtype="image",
            tensor="uint8",
            shape=photos.shape,
            resize=Resize(filter=photos.filter, fit=photos.fit),
            example=None,
        )
        return PhotoPlan(
            plan=Plan(
                name=self.name,
                title=self.title,
                task=self.task,
                inputs=(item,),
                target=Target(target.name, target.label, decimals=target.decimals),
                label_texts=target.labels,
            ),
            augmentation=Augmentation(**self.augmentation.model_dump()),
            head=HeadPlan(**self.head.model_dump()),
            **self.network.model_dump(),
        )
