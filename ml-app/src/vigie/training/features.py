"""From checked rows to what a network and a baseline learn from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.preprocessing import OneHotEncoder

from vigie.models.decoding import RowDecoder, feeds_of
from vigie.models.document import Input
from vigie.training.dataset import Dataset
from vigie.training.encoding import Feature


def network_features(inputs: Sequence[Input]) -> tuple[Feature, ...]:
    """The features that a network is built from, one per input."""
    return tuple(
        Feature(
            item.name,
            "text" if item.tensor == "string" else "numeric",
            has_indicator=bool(item.missing and item.missing.indicator),
            vocabulary=item.choices.values if item.choices and item.tensor == "string" else (),
        )
        for item in inputs
    )


def network_columns(inputs: Sequence[Input], dataset: Dataset) -> dict[str, np.ndarray]:
    """The tensors of a graph for these rows, name -> [rows, 1]: decoded as in serving."""
    decoded = RowDecoder(inputs).decode(dataset.rows())
    return feeds_of(inputs, decoded.columns)


class TableEncoder:
    """Rows as a float matrix for scikit-learn: NaN where absent, choices as codes or one-hot."""

    def __init__(self, inputs: Sequence[Input], training: Dataset) -> None:
        self._numbers = [item.name for item in inputs if item.tensor != "string"]
        self._texts = [item.name for item in inputs if item.tensor == "string"]
        self._onehot = OneHotEncoder(handle_unknown="ignore", sparse_output=False, min_frequency=5)
        if self._texts:
            self._onehot.fit(self._text_matrix(training))
        self._codes = {
            name: {
                value: float(code)
                for code, value in enumerate(sorted(set(map(str, training.columns[name]))))
            }
            for name in self._texts
        }

    def ordinal(self, dataset: Dataset) -> np.ndarray:
        """[rows, inputs], texts as codes: what trees take."""
        codes = [
            [self._codes[name].get(str(value), np.nan) for value in dataset.columns[name]]
            for name in self._texts
        ]
        return np.column_stack([self._number_matrix(dataset), *codes])

    def onehot(self, dataset: Dataset) -> np.ndarray:
        """[rows, numbers + one column per choice]: what a linear model takes."""
        numbers = self._number_matrix(dataset)
        if not self._texts:
            return numbers
        return np.hstack([numbers, self._onehot.transform(self._text_matrix(dataset))])

    def _number_matrix(self, dataset: Dataset) -> np.ndarray:
        return np.array(
            [
                [np.nan if value is None else float(value) for value in dataset.columns[name]]
                for name in self._numbers
            ],
            float,
        ).T.reshape(len(dataset), len(self._numbers))

    def _text_matrix(self, dataset: Dataset) -> np.ndarray:
        matrix = np.empty((len(dataset), len(self._texts)), object)
        for column, name in enumerate(self._texts):
            matrix[:, column] = [str(value) for value in dataset.columns[name]]
        return matrix
