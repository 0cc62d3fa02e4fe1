"""What is to be trained on photos: the base, its weights, how features become labels."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from vigie.models.photo import photo_file

if TYPE_CHECKING:
    import numpy as np

    from vigie.models.model_input import Input
    from vigie.training.plan import Plan

Pooling = Literal["avg", "max"]
EXAMPLE_SIDE = 64
VECTOR, FEATURES = "vector", "features"
"""What a network of photos answers beside its labels."""


@dataclass(frozen=True)
class Augmentation:
    """How many changed copies of each training photo are learnt from, and how they are changed.

    The first copy is mirrored (with `flip`), the others are cropped by up to `crop` of a side and
    brighter or darker by up to the share `brightness`, every second one mirrored as well.
    """

    copies: int = 1
    flip: bool = True
    crop: float = 0.15
    brightness: float = 0.2


@dataclass(frozen=True)
class HeadPlan:
    """What makes labels of features: `auto` takes what answers unseen training photos better."""

    kind: Literal["auto", "linear", "dense"] = "auto"
    units: int = 256
    dropout: float = 0.4
    epochs: int = 100


@dataclass(frozen=True)
class ReductionPlan:
    """How many principal components of the features are kept: a number, or what they explain.

    One of both is given; `variance` is a share of the variance, 0 to 1.
    """

    components: int | None = None
    variance: float | None = None


@dataclass(frozen=True)
class NeighboursPlan:
    """The training photos that a package keeps, `most` of them, and of which `count` are answered.

    They are called by their file's name, or by a number without `names`.
    """

    count: int = 5
    most: int = 1000
    thumbnails: bool = False
    names: bool = True


@dataclass(frozen=True)
class PhotoPlan:
    """One model of photos to train; the one input of `plan` is the photo.

    `base` is a network of `keras.applications` by its name. With `fine_tune` its last block is
    trained too, for `fine_tune_epochs` at most; then there is neither `reduction` nor `neighbours`.
    """

    plan: Plan
    base: str
    pooling: Pooling = "avg"
    augmentation: Augmentation = field(default_factory=Augmentation)
    head: HeadPlan = field(default_factory=HeadPlan)
    class_weights: bool = True
    fine_tune: bool = False
    fine_tune_epochs: int = 10
    reduction: ReductionPlan | None = None
    neighbours: NeighboursPlan | None = None

    @property
    def photo(self) -> Input:
        """The input that takes the photo."""
        return self.plan.inputs[0]

    @property
    def has_vectors(self) -> bool:
        """True where the network answers what its photos are reduced to, or compared by."""
        return self.reduction is not None or self.neighbours is not None

    def with_example(self, pixels: np.ndarray) -> PhotoPlan:
        """The plan with a photo of the training data, uint8 [height, width, 3], as its example."""
        shown = {"b64": b64encode(photo_file(pixels, EXAMPLE_SIDE)).decode()}
        item = self.photo.model_copy(update={"example": shown})
        return replace(self, plan=replace(self.plan, inputs=(item,)))
