"""Fitted transformers as graphs: they answer rows, gaps and unseen values as scikit-learn does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from support.own_programs import dense
from vigie.engines.onnx import OnnxEngine
from vigie.errors import DataError
from vigie.models.decoding import RowDecoder
from vigie.models.feeds import feeds_of
from vigie.training.dataset import Dataset
from vigie.training.own.model import OwnModel

ROWS = 200
RNG = np.random.default_rng(4)
TABLE = pd.DataFrame(
    {
        "age": RNG.normal(45, 12, ROWS).round(1),
        "rooms": RNG.integers(1, 6, ROWS),
        "city": RNG.choice(["Paris", "Lyon", "Nice"], ROWS).astype(object),
    }
)
GAPS = TABLE.assign(
    age=TABLE["age"].where(TABLE.index % 7 > 0), city=TABLE["city"].where(TABLE.index % 5 > 0)
)
NUMBERS = ["age", "rooms"]

TRANSFORMERS: dict[str, tuple[pd.DataFrame, Any]] = {
    "standard": (TABLE[NUMBERS], StandardScaler()),
    "min and max": (TABLE[NUMBERS], MinMaxScaler()),
    "robust": (TABLE[NUMBERS], RobustScaler()),
    "largest": (TABLE[NUMBERS], MaxAbsScaler()),
    "median of gaps": (
        GAPS[NUMBERS], make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
    ),
    "constant for gaps": (GAPS[NUMBERS], SimpleImputer(strategy="constant", fill_value=-1)),
    "powers": (TABLE[["age"]], make_pipeline(StandardScaler(), PolynomialFeatures(2))),
    "one-hot": (
        TABLE, ColumnTransformer([("c", OneHotEncoder(), ["city"])], remainder=StandardScaler()),
    ),
    "one-hot, first left out": (TABLE[["city"]], OneHotEncoder(drop="first")),
    "one-hot, unknown ignored": (TABLE[["city"]], OneHotEncoder(handle_unknown="ignore")),
    "one-hot of whole numbers": (TABLE[["rooms"]], OneHotEncoder(handle_unknown="ignore")),
    "one-hot of whole numbers, no other": (TABLE[["rooms"]], OneHotEncoder()),
    "a gap is a category": (GAPS[["city"]], OneHotEncoder(handle_unknown="ignore")),
    "most frequent for gaps": (
        GAPS[["city"]],
        make_pipeline(
            SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
        ),
    ),
    "a text for gaps": (
        GAPS[["city"]],
        make_pipeline(SimpleImputer(strategy="constant", fill_value="none"), OneHotEncoder()),
    ),
    "ordinal, unknown is -1": (
        TABLE[["city"]], OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    ),
    "passed through": (TABLE, ColumnTransformer([("n", "passthrough", NUMBERS)])),
    "all columns as one": (TABLE[NUMBERS], PCA(2, whiten=True)),
    "side by side": (
        TABLE[NUMBERS], FeatureUnion([("all", StandardScaler()), ("first", SelectKBest(k=1))]),
    ),
    "bent": (TABLE[NUMBERS], PowerTransformer()),
    "ranks": (TABLE[NUMBERS], QuantileTransformer(n_quantiles=20)),
    "products": (TABLE[NUMBERS], PolynomialFeatures(2, interaction_only=True)),
    "logarithms": (TABLE[NUMBERS], make_pipeline(FunctionTransformer(np.log1p), StandardScaler())),
    "a step that passes": (TABLE[NUMBERS], make_pipeline("passthrough", StandardScaler())),
    "whole numbers before others": (TABLE[["rooms", "age"]], StandardScaler()),
    "years": (TABLE[NUMBERS].assign(rooms=TABLE["rooms"] + 2015), StandardScaler()),
    "years between 0 and 1": (
        TABLE[NUMBERS].assign(rooms=TABLE["rooms"] + 2015), MinMaxScaler(clip=True),
    ),
    "names with a space, a dot and an accent": (
        TABLE.set_axis(["âge réel", "n.rooms", "ville (FR)"], axis=1),
        ColumnTransformer(
            [
                ("numbers", StandardScaler(), ["âge réel", "n.rooms"]),
                ("texts", OneHotEncoder(), ["ville (FR)"]),
            ]
        ),
    ),
    "columns by place": (TABLE, ColumnTransformer([("n", StandardScaler(), [0, 1])])),
}  # fmt: skip


def own(table: pd.DataFrame, transformer: Any) -> OwnModel:
    """An untrained network behind a transformer: what it answers is its own affair."""
    width = np.asarray(
        _dense(transformer.fit(table, np.arange(len(table)) % 2).transform(table))
    ).shape[1]
    targets = RNG.normal(0, 1, len(table))
    return OwnModel.of(dense(width), table, targets, preprocess=transformer)


def _dense(made: Any) -> Any:
    return made.toarray() if hasattr(made, "toarray") else made


@pytest.mark.parametrize("name", TRANSFORMERS)
@pytest.mark.filterwarnings("ignore")
def test_a_transformer_and_its_graph_answer_alike(name: str, tmp_path: Any) -> None:
    table, transformer = TRANSFORMERS[name]
    made = own(table, transformer)
    columns = {made.names[column.name]: column.values for column in made.table.columns}
    rows = Dataset(columns, made.target.truths, made.table.row_ids(), "rows", "")
    path = tmp_path / "model.onnx"
    made.network.write_graph(path)
    decoded = RowDecoder(made.inputs).decode(rows.rows())
    (got,) = OnnxEngine(path).run(feeds_of(made.inputs, decoded.columns)).values()
    (wanted,) = made.network.answer(rows).values()
    assert np.abs(got - wanted).max() <= 1e-5 * max(1, np.abs(wanted).max())


def inputs_of(name: str) -> dict[str, Any]:
    return {item.name: item for item in own(*TRANSFORMERS[name]).inputs}


@pytest.mark.filterwarnings("ignore")
def test_what_the_transformer_refuses_the_package_refuses() -> None:
    assert inputs_of("one-hot")["city"].choices.closed
    assert not inputs_of("one-hot, unknown ignored")["city"].choices.closed
    assert inputs_of("one-hot of whole numbers, no other")["rooms"].choices.values == tuple("12345")
    assert inputs_of("one-hot of whole numbers")["rooms"].choices is None


@pytest.mark.filterwarnings("ignore")
def test_a_text_that_the_graph_does_not_know_is_refused_where_the_transformer_takes_it() -> None:
    rare = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=2)
    made = own(TABLE[["city"]], rare)
    assert made.inputs[0].choices is not None
    assert made.inputs[0].choices.closed


@pytest.mark.filterwarnings("ignore")
def test_what_the_transformer_fills_may_be_absent_and_nothing_else() -> None:
    filled = inputs_of("median of gaps")
    assert not filled["age"].required
    assert inputs_of("standard")["age"].required
    most = GAPS["city"].value_counts().idxmax()
    assert inputs_of("most frequent for gaps")["city"].missing.fill == most
    assert not inputs_of("most frequent for gaps")["city"].required
    assert inputs_of("a text for gaps")["city"].missing.fill == "none"
    assert not inputs_of("a gap is a category")["city"].required


@pytest.mark.filterwarnings("ignore")
def test_gaps_that_nobody_fills_are_named() -> None:
    encoder = OneHotEncoder().fit(TABLE[["city"]])
    with pytest.raises(DataError, match="column city has gaps, and preprocess does not fill them"):
        OwnModel.of(dense(3), GAPS[["city"]], np.zeros(ROWS), preprocess=encoder)
