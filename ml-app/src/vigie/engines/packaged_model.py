"""A package as an object of a program: tables in, the service's answers out, no server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, overload

from vigie.engines.predictions import predictions_of
from vigie.errors import DataError, InvalidInput, spelled_out
from vigie.frames import in_form_of, rows_of
from vigie.models.document import text_in
from vigie.models.wording import describe

if TYPE_CHECKING:
    import pandas as pd

    from vigie.engines.predictor import Predictor
    from vigie.frames import Rows
    from vigie.models.document import Input

ROWS_AT_ONCE = 1000
_MOST_SHOWN = 20


class PackagedModel:
    """One version of a model, verified and loaded. Several threads may share it.

    `version` is its number in MLflow, `None` for a folder.
    """

    def __init__(self, predictor: Predictor, version: str | None = None) -> None:
        self._predictor = predictor
        self.version = version

    @property
    def predictor(self) -> Predictor:
        """What answers checked columns: for programs that decode their rows themselves."""
        return self._predictor

    @property
    def name(self) -> str:
        """The name that it is registered under."""
        return self._predictor.package.document.name

    @property
    def inputs(self) -> tuple[Input, ...]:
        """What it takes: each input's name, type, limits, choices, unit."""
        return self._predictor.package.document.inputs

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of a classification, in the order of its scores; else none."""
        return self._predictor.package.document.labels

    @property
    def metrics(self) -> dict[str, float]:
        """What training measured on held-out rows."""
        return dict(self._predictor.package.document.metrics)

    def __repr__(self) -> str:
        document = self._predictor.package.document
        version = f"version {self.version}" if self.version else "of a folder"
        answers = document.labels or [output.name for output in document.outputs]
        lines = [f"{self.name} {version}: {text_in(document.title, 'en')} ({document.task})"]
        lines += [f"  takes    {item.name}: {describe(item)}" for item in self.inputs[:_MOST_SHOWN]]
        if more := len(self.inputs) - _MOST_SHOWN:
            lines += [f"  and {more} more inputs"] if more > 0 else []
        lines.append(f"  answers  {', '.join(answers[:_MOST_SHOWN])}")
        if self.metrics:
            figures = ", ".join(f"{name} {value:.6g}" for name, value in self.metrics.items())
            lines.append(f"  measured {figures}")
        return "\n".join(lines)

    @overload
    def predict(self, table: pd.DataFrame) -> pd.DataFrame: ...
    @overload
    def predict(self, table: Mapping[str, Any]) -> dict[str, list[Any]]: ...
    @overload
    def predict(self, table: Sequence[Mapping[str, Any]]) -> Rows: ...
    def predict(self, table: Any) -> Any:
        """The predictions for the rows of a table: those of a service, in the form of the table.

        All is as in `Client.predict`, but there is no request to name: no `request_id`, no `row`.
        Raises `InvalidInput` where a row breaks the signature, `ModelFailure` where the model does
        not answer with finite numbers.
        """
        rows = rows_of(table)
        if not rows:
            raise DataError("the table has no rows")
        predictions: Rows = []
        for start in range(0, len(rows), ROWS_AT_ONCE):
            try:
                predictions += self._answer(rows[start : start + ROWS_AT_ONCE])
            except InvalidInput as invalid:
                fields = tuple(replace(one, row=one.row + start) for one in invalid.fields)
                raise InvalidInput(spelled_out(str(invalid), fields, len(rows)), fields) from None
        return in_form_of(table, predictions)

    def _answer(self, rows: Rows) -> Rows:
        decoded = self._predictor.decoder.decode(rows)
        answers = self._predictor.predict(decoded.columns)
        found = predictions_of(self._predictor.package.document, answers, decoded.outside)
        return [{**row, "version": self.version} for row in found]
