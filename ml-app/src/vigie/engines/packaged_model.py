"""A package as an object of a program: tables or photos in, the service's answers out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from vigie.engines.predictions import predictions_of
from vigie.errors import DataError, InvalidInput, spelled_out
from vigie.frames import in_form_of, rows_of
from vigie.models.text import text_in
from vigie.models.wording import describe
from vigie.photo_form import content_of, is_photo_file

if TYPE_CHECKING:
    import pandas as pd

    from vigie.engines.predictor import Predictor
    from vigie.frames import Rows
    from vigie.models.model_input import Input
    from vigie.photo_form import PhotoFile

ROWS_AT_ONCE = 1000
PHOTOS_AT_ONCE = 16
"""So many files are in memory at once, whatever a photo has become for the model."""
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
        document = self._predictor.package.document
        return document.labels if document.task == "classification" else ()

    @property
    def metrics(self) -> dict[str, float]:
        """What training measured on held-out rows."""
        return dict(self._predictor.package.document.metrics)

    def __repr__(self) -> str:
        document = self._predictor.package.document
        version = f"version {self.version}" if self.version else "of a folder"
        answers = self.labels or [output.name for output in document.shown_outputs]
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
    @overload
    def predict(
        self, table: Sequence[PhotoFile | np.ndarray], values: Mapping[str, Any] | None = None
    ) -> Rows: ...
    def predict(self, table: Any, values: Mapping[str, Any] | None = None) -> Any:
        """The predictions for the rows of a table: those of a service, in the form of the table.

        All is as in `Client.predict`, but there is no request to name: no `request_id`, no `row`.
        A photo of a list or of a row may also be pixels, uint8 [height, width, 3].
        Raises `InvalidInput` where a row breaks the signature, `ModelFailure` where the model does
        not answer with finite numbers.
        """
        if _are_photos(table):
            return self._answer_all(self._photo_rows(table, values or {}), len(table))
        if values is not None:
            raise DataError("values goes with photos; the rows of a table have their own")
        document = self._predictor.package.document
        rows = rows_of(table, {item.name for item in document.images})
        if not rows:
            raise DataError("the table has no rows")
        most = min(ROWS_AT_ONCE, document.rows_at_once)
        parts = (rows[start : start + most] for start in range(0, len(rows), most))
        return in_form_of(table, self._answer_all(parts, len(rows)))

    def _photo_rows(
        self, photos: Sequence[PhotoFile | np.ndarray], values: Mapping[str, Any]
    ) -> Iterator[Rows]:
        """Parts of the rows of photos, each read when it is asked for."""
        document = self._predictor.package.document
        if len(document.images) != 1:
            takes = "several photos a row" if document.images else "no photos"
            raise DataError(f"{self.name} takes {takes}; give its rows, a list of dicts")
        (name,) = (item.name for item in document.images)
        (others,) = rows_of([values])
        most = min(PHOTOS_AT_ONCE, document.rows_at_once)
        for start in range(0, len(photos), most):
            yield [
                {**others, name: _pixels_or_bytes(photo, place)}
                for place, photo in enumerate(photos[start : start + most], start)
            ]

    def _answer_all(self, parts: Iterable[Rows], count: int) -> Rows:
        """The answers to parts of `count` rows; what is wrong is named by its place among all."""
        predictions: Rows = []
        for part in parts:
            try:
                predictions += self._answer(part)
            except InvalidInput as invalid:
                start = len(predictions)
                fields = tuple(replace(one, row=one.row + start) for one in invalid.fields)
                raise InvalidInput(spelled_out(str(invalid), fields, count), fields) from None
        return predictions

    def _answer(self, rows: Rows) -> Rows:
        decoded = self._predictor.decoder.decode(rows)
        answers = self._predictor.predict(decoded.columns)
        found = predictions_of(self._predictor.package.document, answers, decoded.outside)
        return [{**row, "version": self.version} for row in found]


def _are_photos(table: Any) -> bool:
    return isinstance(table, list | tuple) and bool(table) and all(map(_is_photo, table))


def _is_photo(value: Any) -> bool:
    return isinstance(value, np.ndarray) or is_photo_file(value)


def _pixels_or_bytes(photo: PhotoFile | np.ndarray, place: int) -> np.ndarray | bytes:
    return photo if isinstance(photo, np.ndarray) else content_of(photo, place)
