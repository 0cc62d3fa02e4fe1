"""Simple models on the same split: a network that does no better does not serve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

if TYPE_CHECKING:
    from vigie.models.model_input import Input
    from vigie.training.dataset import Dataset
    from vigie.training.plan import Plan

BOOSTING = "gradient_boosting"


def predict_baselines(plan: Plan, training: Dataset, test: Dataset) -> dict[str, np.ndarray]:
    """What each baseline, fitted on `training`, answers for `test`: numbers, or labels."""
    if plan.task == "classification":
        return _classifications(plan.inputs, training, test)
    return _regressions(plan, training, test)


def _regressions(plan: Plan, training: Dataset, test: Dataset) -> dict[str, np.ndarray]:
    encoder = TableEncoder(plan.inputs, training)
    forward, back = (np.log, np.exp) if plan.target.log else (np.asarray, np.asarray)
    target = forward(training.target)
    median = DummyRegressor(strategy="median")
    linear = make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), Ridge())
    boosting = HistGradientBoostingRegressor(random_state=plan.seed)
    flat, codes = encoder.onehot(training), encoder.ordinal(training)
    return {
        "median": back(median.fit(flat, target).predict(encoder.onehot(test))),
        "linear": back(linear.fit(flat, target).predict(encoder.onehot(test))),
        BOOSTING: back(boosting.fit(codes, target).predict(encoder.ordinal(test))),
    }


def _classifications(
    inputs: Sequence[Input], training: Dataset, test: Dataset
) -> dict[str, np.ndarray]:
    encoder = TableEncoder(inputs, training)
    flat, codes = encoder.onehot(training), encoder.ordinal(training)
    linear = make_pipeline(
        SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(max_iter=1000)
    )
    return {
        "majority": DummyClassifier().fit(flat, training.target).predict(encoder.onehot(test)),
        "linear": linear.fit(flat, training.target).predict(encoder.onehot(test)),
        BOOSTING: HistGradientBoostingClassifier(random_state=0)
        .fit(codes, training.target)
        .predict(encoder.ordinal(test)),
    }


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
