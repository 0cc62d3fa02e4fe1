"""What `log_model` did, as three lines, and as a table in a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from vigie.registry.tags import shown

_FIGURES = {"mae": "mean absolute error", "accuracy": "accuracy"}


@dataclass(frozen=True)
class LoggedVersion:
    """A registered version: its figures on held-out rows, and whether it is the champion.

    `baselines` are errors of simple models on the same rows; `reason` is what the gate said;
    `judged_by` says how many rows these were, and whether the model may have learnt from them.
    """

    name: str
    version: str
    digest: str
    metrics: Mapping[str, float]
    baselines: Mapping[str, float]
    error_metric: str
    unit: str | None
    promoted: bool
    reason: str
    judged_by: str
    url: str
    notes: tuple[str, ...] = ()

    @property
    def uri(self) -> str:
        """The version as MLflow and `vigie.load` name it."""
        return f"models:/{self.name}/{self.version}"

    def __str__(self) -> str:
        outcome = "champion" if self.promoted else "registered, not the champion"
        lines = [
            f"{self.name} version {self.version}: {outcome} ({self.reason})",
            f"  {self._figures()}",
            f"  {self.url}",
        ]
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])

    def _figures(self) -> str:
        figure = "accuracy" if self.error_metric == "error_rate" else "mae"
        unit = f" {self.unit}" if self.unit else ""
        own = f"{_FIGURES[figure]} {shown(self.metrics[figure])}{unit}"
        others = ", ".join(
            f"{name} alone {shown(1 - error if figure == 'accuracy' else error)}"
            for name, error in self.baselines.items()
        )
        return f"{own} on {self.judged_by} ({others})"

    def _repr_html_(self) -> str:
        """A table for notebooks."""
        rows = [
            ("version", f"{self.name} {self.version}"),
            ("champion", "yes" if self.promoted else "no"),
            ("because", self.reason),
            *((name.replace("_", " "), shown(value)) for name, value in self.metrics.items()),
            *((f"error of {name}", shown(value)) for name, value in self.baselines.items()),
            ("judged by", self.judged_by),
            *(("note", note) for note in self.notes),
        ]
        cells = "".join(f"<tr><th>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in rows)
        link = f'<a href="{escape(self.url)}">{escape(self.url)}</a>'
        return f"<table>{cells}<tr><th>form</th><td>{link}</td></tr></table>"
