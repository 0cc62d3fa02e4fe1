"""`package.json`: what a model takes, what it answers, where it comes from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from vigie.models.model_input import Input
from vigie.models.model_output import LabelNote, Output
from vigie.models.original import Original
from vigie.models.text import Text
from vigie.models.vectors import Neighbourhood, Reduction

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


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


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
    original: Original | None = None
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
        self._check_original()
        return self

    def _check_original(self) -> None:
        sizes = {output.name: math.prod(output.shape) for output in self.outputs}
        known = len(self.labels)
        parts = {"label": 1, "place": 1, "labels": known, "places": known}
        for one in self.original.outputs if self.original else ():
            size = sizes.get(one.output or "") if one.part == "values" else parts[one.part]
            if math.prod(one.shape) != size or (one.part != "values" and not known):
                raise ValueError(f"original: {one.name} cannot be made of the outputs")

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
    def kept_outputs(self) -> tuple[str, ...]:
        """The names of those that are worth keeping of an answer.

        The first one always; vectors that photos are compared by say nothing that is not in it.
        """
        compared = {part.output for part in (self.reduction, self.neighbours) if part is not None}
        first, *others = self.shown_outputs
        return (first.name, *(one.name for one in others if one.name not in compared))

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
