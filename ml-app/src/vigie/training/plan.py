"""What is to be trained: the model's name, inputs and outputs, the network, the interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vigie.models.model_input import Choices, Input, Missing

if TYPE_CHECKING:
    from vigie.models.document import Task
    from vigie.models.model_input import Scalar
    from vigie.models.model_output import LabelNote
    from vigie.models.text import Text
    from vigie.training.dataset import Dataset

Architecture = Literal["linear", "dense", "conv"]


@dataclass(frozen=True)
class Target:
    """What is predicted: its name in answers, label and unit; `log` fits its logarithm."""

    name: str
    label: Text
    unit: str | None = None
    decimals: int | None = None
    log: bool = False


@dataclass(frozen=True)
class Plan:
    """One model to train. `inputs` describe what callers send, before any data was seen.

    `fills` says what stands for an absent value of an input: `median` (as where it says nothing),
    `last` for the largest seen, or a number.
    """

    name: str
    title: Text
    task: Task
    inputs: tuple[Input, ...]
    target: Target
    architecture: Architecture = "dense"
    epochs: int | None = None
    interval_level: float | None = None
    fills: Mapping[str, Scalar] = field(default_factory=dict)
    slices: tuple[str, ...] = ()
    label_texts: Mapping[str, Text] = field(default_factory=dict)
    label_notes: Mapping[str, LabelNote] = field(default_factory=dict)
    seed: int = 7

    def fitted_to(self, dataset: Dataset) -> Plan:
        """The plan with what the data shows: ranges, choices, fills; unseen inputs left out."""
        inputs = [
            _fit_input(item, dataset.columns[item.name], self.fills.get(item.name, "median"))
            for item in self.inputs
            if any(value is not None for value in dataset.columns.get(item.name, ()))
        ]
        return replace(self, inputs=tuple(inputs))

    def labels(self, training: Dataset) -> tuple[str, ...]:
        """The classes that the training rows show, sorted; none for a regression."""
        if self.task != "classification":
            return ()
        return tuple(sorted({str(label) for label in training.target}))


def _fit_input(item: Input, values: Sequence[Any], fill: Scalar) -> Input:
    present = [value for value in values if value is not None]
    absent = len(values) - len(present)
    return fit_input(
        item, values, None if item.required else _fit_missing(item, present, absent, fill)
    )


def fit_input(item: Input, values: Sequence[Any], missing: Missing | None = None) -> Input:
    """The input with what these values, `None` where absent, show: range, choices, an example.

    `missing` says what stands for an absent value of an optional input.
    """
    present = [value for value in values if value is not None]
    changes: dict[str, Any] = {}
    if item.tensor == "string":
        changes |= _fit_choices(item, present)
    else:
        changes["range"] = (min(present), max(present))
    if missing is not None:
        changes["missing"] = missing
    if item.example is None and item.required:
        changes["example"] = _typical(item, present)
    # validated again, so that a plan never holds an input that a package would not take
    return Input.model_validate({**item.model_dump(), **_dumped(changes)})


def _fit_choices(item: Input, present: Sequence[Any]) -> dict[str, Any]:
    seen = sorted({str(value) for value in present})
    known = item.choices
    if known is None:
        return {"choices": Choices(values=tuple(seen), policy="open")}
    if known.closed:
        return {}
    values = (*known.values, *(value for value in seen if value not in known.values))
    return {"choices": known.model_copy(update={"values": values})}


def _fit_missing(item: Input, present: Sequence[Any], absent: int, fill: Scalar) -> Missing:
    """The fill that the recipe asks for, and an indicator where training had gaps."""
    if item.tensor == "string":
        return Missing(fill="")
    if fill == "last":
        fill = max(present)
    elif fill == "median":
        fill = float(np.median(np.asarray(present, float)))
        fill = round(fill) if item.integral else fill
    return Missing(fill=fill, indicator=f"{item.name}__missing" if absent else None)


def _typical(item: Input, present: Sequence[Any]) -> Any:
    if item.tensor == "string":
        texts = [str(value) for value in present]
        common = max(sorted(set(texts)), key=texts.count)
        return int(common) if item.integral else common
    middle = float(np.median(np.asarray(present, float)))
    return round(middle) if item.integral else float(f"{middle:.4g}")


def _dumped(changes: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value.model_dump() if hasattr(value, "model_dump") else value
        for key, value in changes.items()
    }
