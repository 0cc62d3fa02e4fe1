"""The YAML file of the photo recipe: size, labels, base, augmentation, head."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from vigie.models.model_input import Input, Resize
from vigie.models.model_output import LabelNote
from vigie.models.text import Text
from vigie.training.photos.plan import (
    FEATURES,
    VECTOR,
    Augmentation,
    HeadPlan,
    NeighboursPlan,
    PhotoPlan,
    ReductionPlan,
)
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
    """What is answered: its name and label; what people call each label and can read of it.

    An embedding is called `vector` where it has no other name.
    """

    name: str = Field(default="probabilities", pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    label: Text = "Label"
    decimals: int | None = Field(default=6, ge=0, le=12)
    labels: dict[str, Text] = {}
    notes: dict[str, LabelNote] = {}


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


class ReductionSpec(_Strict):
    """The principal components of the features: how many, or what share of the variance."""

    components: int | None = Field(default=None, ge=1, le=4096)
    variance: float | None = Field(default=None, gt=0, lt=1)

    @model_validator(mode="after")
    def _one_of_both(self) -> ReductionSpec:
        if (self.components is None) == (self.variance is None):
            raise ValueError("give components or variance, one of both")
        return self


class NeighboursSpec(_Strict):
    """The training photos that answers name as most alike, and of which pictures may be shown."""

    count: int = Field(default=5, ge=1, le=100)
    most: int = Field(default=1000, ge=1, le=20_000)
    thumbnails: bool = False
    names: bool = True


class PhotoSpec(_Strict):
    """A whole recipe file for photos."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")
    title: Text
    task: Literal["classification", "embedding"] = "classification"
    source: Text = "photos"
    photos: PhotosSpec
    target: PhotoTargetSpec = PhotoTargetSpec()
    network: PhotoNetworkSpec = PhotoNetworkSpec()
    augmentation: AugmentationSpec = AugmentationSpec()
    head: HeadSpec = HeadSpec()
    reduction: ReductionSpec | None = None
    neighbours: NeighboursSpec | None = None

    @model_validator(mode="after")
    def _agree(self) -> PhotoSpec:
        if self.network.fine_tune and (self.reduction or self.neighbours or not self._labelled):
            raise ValueError(
                "vectors are those of a base as it is: leave network.fine_tune out, or reduction, "
                "neighbours and task: embedding"
            )
        answers = {FEATURES, VECTOR} if self._labelled else {FEATURES}
        if taken := {self.photos.name, self.target.name} & answers:
            raise ValueError(f"{min(taken)} is the name of an answer already; choose another one")
        return self

    @property
    def _labelled(self) -> bool:
        return self.task == "classification"

    def plan(self) -> PhotoPlan:
        """What is to be trained, before any photo was seen."""
        photos = self.photos
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
                target=self._target(),
                label_texts=self.target.labels,
                label_notes=self.target.notes,
            ),
            augmentation=Augmentation(**self.augmentation.model_dump()),
            head=HeadPlan(**self.head.model_dump()),
            reduction=ReductionPlan(**self.reduction.model_dump()) if self.reduction else None,
            neighbours=NeighboursPlan(**self.neighbours.model_dump()) if self.neighbours else None,
            **self.network.model_dump(),
        )

    def _target(self) -> Target:
        given = self.target
        if self._labelled:
            return Target(given.name, given.label, decimals=given.decimals)
        named = given.model_fields_set
        name, label = given.name if "name" in named else VECTOR, given.label
        return Target(name, label if "label" in named else "Vector", decimals=given.decimals)
