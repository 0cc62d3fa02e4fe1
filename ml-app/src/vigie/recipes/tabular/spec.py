"""The YAML file of the tabular recipe: target, inputs, units, choices, limits, cleaning rules."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from vigie.models.model_input import Choices, Input, Missing, Number
from vigie.models.text import Text
from vigie.training.plan import Plan, Target


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TargetSpec(_Strict):
    """The column that is predicted."""

    column: str
    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    label: Text
    unit: str | None = None
    scale: Literal["linear", "log"] = "linear"
    factor: float = Field(default=1.0, gt=0)
    decimals: int | None = None
    labels: dict[str, Text] = {}


class InputSpec(_Strict):
    """One input: the column it comes from, its type, what is allowed and what is shown."""

    type: Literal["number", "integer", "choice", "integer-choice", "text"]
    column: str | None = None
    label: Text
    help: Text | None = None
    unit: str | None = None
    factor: float = Field(default=1.0, gt=0)
    required: bool = True
    limits: tuple[Number | None, Number | None] | None = None
    missing: Literal["median", "last"] | Number = "median"
    choices: dict[str, str] | list[str] | None = None
    policy: Literal["closed", "open"] = "closed"
    choice_labels: dict[str, Text] = {}
    example: Any = None

    @model_validator(mode="after")
    def _agree(self) -> InputSpec:
        if self.type == "choice" and self.policy == "closed" and not self.choices:
            raise ValueError("a closed choice lists its choices")
        if self.factor != 1 and self.type not in ("number", "integer"):
            raise ValueError("a factor is for numbers")
        return self

    @property
    def choice_map(self) -> dict[str, str]:
        """The value in the data -> the value that callers send."""
        if self.choices is None:
            return {}
        return (
            dict(self.choices)
            if isinstance(self.choices, dict)
            else {value: value for value in self.choices}
        )


class RuleSpec(_Strict):
    """A cleaning rule: rows where the column is missing, or outside the bounds, are dropped."""

    name: str
    column: str
    drop: Literal["missing", "outside", "duplicate"]
    low: float | None = None
    high: float | None = None


class NetworkSpec(_Strict):
    """The network to train."""

    architecture: Literal["linear", "dense", "conv"] = "dense"
    epochs: int | None = Field(default=None, ge=1)


class TableSpec(_Strict):
    """A whole recipe file."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")
    title: Text
    task: Literal["regression", "classification"]
    source: Text = "a table"
    id: str | None = None
    separator: str = ","
    target: TargetSpec
    inputs: dict[str, InputSpec] = Field(min_length=1)
    clean: tuple[RuleSpec, ...] = ()
    network: NetworkSpec = NetworkSpec()
    interval: float | None = Field(default=None, gt=0.5, lt=1)
    slices: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _agree(self) -> TableSpec:
        if unknown := set(self.slices) - set(self.inputs):
            raise ValueError(f"slices name an input that is not there: {min(unknown)}")
        if self.interval is not None and self.task != "regression":
            raise ValueError("an interval is for a regression")
        return self

    def plan(self) -> Plan:
        """What is to be trained, before any data was seen."""
        target = self.target
        return Plan(
            name=self.name,
            title=self.title,
            task=self.task,
            inputs=tuple(_input(name, item) for name, item in self.inputs.items()),
            target=Target(
                target.name, target.label, target.unit, target.decimals, target.scale == "log"
            ),
            architecture=self.network.architecture,
            epochs=self.network.epochs,
            interval_level=self.interval,
            fills={name: item.missing for name, item in self.inputs.items() if not item.required},
            slices=self.slices,
            label_texts=target.labels,
        )


def _input(name: str, item: InputSpec) -> Input:
    integral = item.type.startswith("integer")
    texts = item.type in ("choice", "integer-choice", "text")
    values = tuple(dict.fromkeys(item.choice_map.values()))
    return Input(
        name=name,
        label=item.label,
        help=item.help,
        dtype="int64" if integral else "string" if texts else "float32",
        tensor="string" if texts else "float32",
        unit=item.unit,
        required=item.required,
        missing=None if item.required else Missing(fill="" if texts else 0),
        limits=None if texts else item.limits,
        choices=Choices(values=values, policy=item.policy, labels=item.choice_labels)
        if values
        else None,
        example=item.example,
    )
