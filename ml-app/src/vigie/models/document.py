"""`package.json`: what a model takes, what it answers, where it comes from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from vigie.models.neighbours import Neighbourhood
from vigie.models.reduction import Reduction

FLOAT32_MAX = 3.4028234663852886e38
INT64_MAX = float(2**63 - 1024)
"""The largest number of int64 that a float holds."""

Text = str | dict[str, str]
"""A text for people: one for every language, or one per language code (`en`, `fr`)."""

TRAINING_ERRORS: dict[str, tuple[str, Callable[[float], float]]] = {
    "absolute": ("mae", lambda mean: mean),
    "squared": ("rmse", lambda root: root**2),
    "absolute_percentage": ("mape", lambda mean: mean),
    "wrong": ("accuracy", lambda share: 1 - share),
    "outside_interval": ("interval_coverage", lambda share: 1 - share),
}
"""Each kind of live error: the figure of training it compares with, and how that becomes one."""

MOST_NUMBERS_AT_ONCE = 620_000
"""Of the inputs in one call of a graph: four photos of 224 pixels, of which each takes least then.

What a graph computes from them takes many times their memory.
"""

Task = Literal["regression", "classification", "embedding"]
Number = int | float
Scalar = str | int | float


def text_in(text: Text, language: str) -> str:
    """`text` in `language`, else in English, else in its first language."""
    if isinstance(text, str):
        return text
    return text.get(language) or text.get("en") or next(iter(text.values()))


def best_labels(labels: Sequence[str], scores: np.ndarray) -> list[str]:
    """The label with the highest score of each row of `scores` [rows, labels]."""
    return [labels[place] for place in scores.argmax(axis=1).tolist()]


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


class Output(_Frozen):
    """One output of a model: its tensor in the graph and how its numbers are written.

    One that is not `shown` is in the graph, and in no answer unless it is asked for.
    """

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    label: Text
    tensor: str
    shape: tuple[int, ...] = ()
    unit: str | None = None
    decimals: int | None = Field(default=None, ge=0, le=12)
    shown: bool = True


class LabelNote(_Frozen):
    """What people can read of a label: a text, and where there is more of it (https alone)."""

    text: Text
    link: str | None = Field(default=None, max_length=2000, pattern=r"^https://[^\s\x00-\x1f]+$")


class Rule(_Frozen):
    """A cleaning rule of the training data and how many rows it dropped."""

    name: str
    dropped: int = Field(ge=0)


class Quantization(_Frozen):
    """What int8 costs and brings: accuracy on held-out rows, milliseconds a row on one core.

    Those of the float graph that it was made of beside those of the int8 graph that is served.
    """

    accuracy_float: float
    accuracy: float
    milliseconds_float: float = Field(gt=0)
    milliseconds: float = Field(gt=0)


class Provenance(_Frozen):
    """Where the model comes from: of its `rows`, `feedback_rows` are answers with their truth.

    `imported` says that the package was made without the data of its training, `made_up_rows` that
    its golden rows, and so its example, are nobody's data. With `quantization` the graph is an int8
    one, close to the Keras model and not equal.
    """

    source: Text
    generated: bool = False
    data_sha256: str | None = None
    rows: int | None = Field(default=None, ge=0)
    feedback_rows: int = Field(default=0, ge=0)
    rules: tuple[Rule, ...] = ()
    revision: str | None = None
    trained_at: str | None = None
    exported_difference: float | None = None
    imported: bool = False
    made_up_rows: bool = False
    quantization: Quantization | None = None


class PackageDocument(_Frozen):
    """`vigie/package.json`, checked: inputs, outputs, task, interval, provenance, metrics."""

    format: Literal[1] = 1
    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")
    title: Text
    task: Task
    engine: Literal["onnx", "tensorflow"] = "onnx"
    inputs: tuple[Input, ...] = Field(min_length=1)
    outputs: tuple[Output, ...] = Field(min_length=1)
    labels: tuple[str, ...] = ()
    label_texts: dict[str, Text] = {}
    label_notes: dict[str, LabelNote] = {}
    reduction: Reduction | None = None
    neighbours: Neighbourhood | None = None
    interval: dict[str, Any] | None = None
    provenance: Provenance
    metrics: dict[str, float] = {}

    @model_validator(mode="after")
    def _agree(self) -> PackageDocument:
        names = self._tensor_names()
        if len(set(names)) != len(names):
            raise ValueError("two inputs have the same name")
        for item in self.inputs:
            if item.missing and isinstance(item.missing.fill, str) != (item.tensor == "string"):
                raise ValueError(f"input {item.name}: the fill is not of the tensor's type")
        if self.task == "classification" and (
            len(self.labels) < 2 or self.outputs[0].shape != (len(self.labels),)
        ):
            raise ValueError("a classification names one label per class of its first output")
        self._check_vectors()
        return self

    def _check_vectors(self) -> None:
        if not self.outputs[0].shown:
            raise ValueError("the first output is shown")
        if unknown := sorted(self.label_notes.keys() - set(self.labels)):
            raise ValueError(f"label_notes: there is no label {unknown[0]}")
        widths = {one.name: one.shape[0] for one in self.outputs if len(one.shape) == 1}
        reduced = self.reduction
        if reduced and not reduced.fits(widths):
            raise ValueError("reduction: its output is no vector of its components")
        if self.neighbours is not None and self.neighbours.output not in widths:
            raise ValueError(f"neighbours: there is no vector {self.neighbours.output}")

    @property
    def tensor_names(self) -> frozenset[str]:
        """The input tensors of the graph: one per input, and one per indicator of gaps."""
        return frozenset(self._tensor_names())

    def _tensor_names(self) -> list[str]:
        names = [item.name for item in self.inputs]
        return names + [
            item.missing.indicator
            for item in self.inputs
            if item.missing and item.missing.indicator
        ]

    @property
    def images(self) -> tuple[Input, ...]:
        """The inputs that take photos."""
        return tuple(item for item in self.inputs if item.is_image)

    @property
    def shown_outputs(self) -> tuple[Output, ...]:
        """The outputs that an answer shows unless it is asked for every one."""
        return tuple(output for output in self.outputs if output.shown)

    @property
    def rows_at_once(self) -> int:
        """The most rows in one call of the graph."""
        return max(MOST_NUMBERS_AT_ONCE // sum(math.prod(item.shape) for item in self.inputs), 1)

    @property
    def example(self) -> dict[str, Any]:
        """One row that this model answers."""
        return {i.name: i.example for i in self.inputs if i.example is not None}

    def answer_names(self) -> Mapping[str, Output]:
        """The outputs by name."""
        return {output.name: output for output in self.outputs}

    def training_errors(self) -> dict[str, float]:
        """What training measured on held-out rows, as means of the kinds of the live error."""
        return {
            kind: as_error(self.metrics[name])
            for kind, (name, as_error) in TRAINING_ERRORS.items()
            if name in self.metrics
        }
