"""Wrong use is told in one sentence, before MLflow is asked: no server runs here."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    PolynomialFeatures,
    StandardScaler,
)

import vigie
from support.own_programs import PROGRAMS, dense, fit
from vigie.errors import ConfigurationError, DataError, RegistryError

ROWS = 80
RNG = np.random.default_rng(1)
TABLE = pd.DataFrame({"age": RNG.integers(18, 90, ROWS), "income": RNG.normal(3, 1, ROWS)})
TARGET = RNG.normal(0, 1, ROWS)


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIE_MLFLOW_URL", "http://127.0.0.1:9")


@pytest.fixture(scope="module")
def model() -> keras.Model:
    made = dense(2)
    fit(made, TABLE.to_numpy(), TARGET)
    return made


def scaled() -> Any:
    return StandardScaler().fit(TABLE)


CASES: dict[str, tuple[dict[str, Any], str]] = {
    "a column too many": (
        {"inputs": TABLE.assign(city=1.0)},
        "there are 3 columns (age, income, city), the model takes 2 numbers",
    ),
    "text without a transformer": (
        {"inputs": TABLE.assign(income="high")},
        "column income is text, the model takes numbers; give the fitted scikit-learn transformer",
    ),
    "dates": (
        {"inputs": TABLE.assign(age=pd.Timestamp("2026-01-01"))},
        "column age holds dates; give numbers instead, such as days since a day",
    ),
    "gaps": (
        {"inputs": TABLE.assign(income=TABLE["income"].where(TABLE.index > 3))},
        "column income has gaps, which the model takes for NaN; fill them, or give the transformer",
    ),
    "an infinite number": (
        {"inputs": TABLE.assign(income=np.inf)},
        "column income holds an infinite number",
    ),
    "a column twice": (
        {"inputs": pd.concat([TABLE, TABLE[["age"]]], axis=1)},
        "there are two columns named age",
    ),
    "names that would be one": (
        {"inputs": TABLE.set_axis(["a b", "a-b"], axis=1)},
        "columns a b and a-b would both be a_b; rename one",
    ),
    "an array of another width": (
        {"inputs": TABLE.to_numpy()[:, :1]},
        "inputs: input is of the shape of one value a row, the model takes [2]",
    ),
    "columns of another number": (
        {"inputs": TABLE.to_numpy(), "columns": ["age"]},
        "columns= names 1 columns, the array is of the shape [80, 2]",
    ),
    "a number that float32 has not": (
        {"inputs": TABLE.assign(income=1e300)}, "column income holds a number that float32 has not",
    ),
    "arrays of several lengths": (
        {"inputs": pd.DataFrame({"v": [[1.0] * (1 + i % 3) for i in range(ROWS)]})},
        "inputs: the rows are not of one shape",
    ),
    "arrays with gaps": (
        {"inputs": pd.DataFrame({"v": [[1.0, 2.0] if i else None for i in range(ROWS)]})},
        "column v holds arrays and has gaps",
    ),
    "held-out rows alone": ({"held_out": TABLE}, "held_out= is a pair (inputs, targets)"),
    "dates as targets": (
        {"targets": pd.Series(pd.date_range("2026-01-01", periods=ROWS))}, "targets are dates",
    ),
    "a target that float32 has not": ({"targets": TARGET * 1e300}, "float32 has not; scale them"),
    "a target of a name that answers have": (
        {"targets": pd.Series(TARGET, name="warnings")}, "an answer has warnings anyway",
    ),
    "columns beside a DataFrame": ({"columns": ["age", "income"]}, "has names of its own"),
    "rows without end": ({"inputs": "rows"}, "give a DataFrame, a dict of arrays or an array"),
    "targets of another length": (
        {"targets": TARGET[:-1]}, "targets: there are 79, and 80 rows of inputs",
    ),
    "targets with NaN": (
        {"targets": np.where(TARGET > 2, np.nan, TARGET) * np.nan},
        "targets: 80 are NaN or infinite; leave those rows out",
    ),
    "targets with None": (
        {"targets": [None, *TARGET[1:]]}, "targets: 1 are absent; leave those rows out",
    ),
    "texts for numbers": (
        {"targets": ["a", "b"] * 40, "task": "regression"}, "targets are texts, and task= says",
    ),
    "too few rows": (
        {"inputs": TABLE[:20], "targets": TARGET[:20]},
        "20 rows are too few to judge by; give at least 50, or held_out=(inputs, targets)",
    ),
    "labels of another number": (
        {"labels": ["a", "b", "c"]}, "labels= names 3, and the model answers one score, so two",
    ),
    "a name that cannot be served": (
        {"name": "My Model"}, "name='My Model' cannot be served: small letters, digits, _ and -",
    ),
    "a level that is no share": ({"interval": 90}, "interval= lies between 0 and 1, or is None"),
    "a limit of no column": (
        {"limits": {"agee": (0, 1)}}, "limits= names agee; the columns are age, income",
    ),
    "a limit that the rows break": (
        {"limits": {"age": (0, 20)}}, "age: the rows hold",
    ),
    "a transform that there is not": (
        {"target_transform": "cube"}, "target_transform= is one of log, log1p, sqrt",
    ),
    "an unfitted transformer": (
        {"preprocess": StandardScaler()}, "preprocess: this StandardScaler is not fitted",
    ),
    "no transformer": ({"preprocess": "scaler"}, "takes a scikit-learn transformer"),
    "a transformer of other columns": (
        {"preprocess": StandardScaler().fit(TABLE[["age"]])}, "preprocess",
    ),
    "a transformer of another width": (
        {"preprocess": make_pipeline(PolynomialFeatures(2)).fit(TABLE)},
        "preprocess gives 6 columns, the model takes [2]",
    ),
    "a function": (
        {"preprocess": ColumnTransformer([("f", FunctionTransformer(np.cbrt), ["age", "income"])])
         .fit(TABLE)},
        "FunctionTransformer(cbrt) has no graph; do that step before and give its result",
    ),
    "texts as a bag of words": (
        {"preprocess": ColumnTransformer([("t", CountVectorizer(), "word")])
         .fit(TABLE.assign(word="one")), "inputs": TABLE.assign(word="one")},
        "CountVectorizer has no graph; do that step before",
    ),
    "another order": (
        {"preprocess": StandardScaler().fit(TABLE[["income", "age"]])},
        "preprocess was fitted to the columns income, age; inputs has age, income",
    ),
    "a category that the transformer refuses": (
        {"preprocess": OneHotEncoder().fit(TABLE.assign(age=1, income=2))},
        "preprocess does not take these rows (Found unknown categories)",
    ),
    "an indicator": (
        {"preprocess": make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
         .fit(TABLE)},
        "SimpleImputer(add_indicator=True) has no graph",
    ),
    "held-out rows of other columns": (
        {"held_out": (TABLE[["income", "age"]], TARGET)},
        "held_out: the columns are income, age, those of inputs are age, income",
    ),
    "few held-out rows": (
        {"held_out": (TABLE[:5], TARGET[:5])}, "held_out: 5 rows, at least 10 are needed",
    ),
    "no model": ({"model": "model.keras"}, "model is a str; log_model takes a keras.Model"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("ignore")
def test_wrong_use_is_told_before_mlflow_is_asked(case: str, model: keras.Model) -> None:
    wrong, said = CASES[case]
    given = {"model": model, "name": "churn", "inputs": TABLE, "targets": TARGET} | wrong
    with pytest.raises(DataError) as told:
        vigie.log_model(**given)
    assert said in str(told.value)
    assert "\n" not in str(told.value)


def test_what_is_right_gets_as_far_as_the_server(model: keras.Model) -> None:
    with pytest.raises(RegistryError, match="MLflow does not answer; start it with `make run`"):
        vigie.log_model(model, name="churn", inputs=TABLE, targets=TARGET)


def test_a_folder_of_mlflow_serves_nobody(
    model: keras.Model, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    import mlflow

    monkeypatch.delenv("VIGIE_MLFLOW_URL")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    try:
        with pytest.raises(ConfigurationError, match="logs to a folder or a file"):
            vigie.log_model(model, name="churn", inputs=TABLE, targets=TARGET)
    finally:
        mlflow.set_tracking_uri(before)


def test_a_model_that_was_never_trained_is_warned_of() -> None:
    with (
        pytest.warns(UserWarning, match="looks as it was initialised"),
        pytest.raises(RegistryError),
    ):
        vigie.log_model(dense(2), name="churn", inputs=TABLE, targets=TARGET)


def test_columns_by_the_names_of_the_inputs_must_be_there() -> None:
    program = PROGRAMS["two_inputs"]()
    for inputs, said in (
        ({"size": program.inputs["size"]}, "there is nothing for the model's input history"),
        ({**program.inputs, "age": TARGET}, "the columns have different numbers of rows"),
        (
            {**program.inputs, "age": program.inputs["size"]},
            "the model has no input age; it takes history [3], size [1]",
        ),
        (
            {**program.inputs, "history": program.inputs["history"][:, :2]},
            "history is of the shape [2] a row, the model takes [3]",
        ),
    ):
        with pytest.raises(DataError) as told:
            vigie.log_model(program.model, name="x", inputs=inputs, targets=program.targets)
        assert said in str(told.value)


def test_a_model_of_half_precision_is_told_how_to_become_whole() -> None:
    layer = keras.layers.Dense(1, dtype="mixed_float16")
    half = keras.Sequential([keras.Input((2,)), layer])
    with pytest.raises(DataError, match=r"computes in float16.*set_weights"):
        vigie.log_model(half, name="half", inputs=TABLE, targets=TARGET)
