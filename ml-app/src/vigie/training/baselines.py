"""Simple models on the same split: what a network must beat to be worth its keep."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vigie.models.document import Input
from vigie.training.dataset import Dataset
from vigie.training.features import TableEncoder
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
