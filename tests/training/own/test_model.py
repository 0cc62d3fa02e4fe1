"""Rows in the forms that programs have them in, brought together with their models."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import StandardScaler

from support.own_programs import dense
from vigie.training.own.model import OwnModel
from vigie.training.own.rows import hold_out

pytestmark = pytest.mark.filterwarnings("ignore")
ROWS = 100
RNG = np.random.default_rng(6)
ARRAY = RNG.normal(3, 2, (ROWS, 2))
TARGET = RNG.normal(0, 1, ROWS)


def answers(own: OwnModel) -> np.ndarray:
    """What the network answers to all rows, the held-out ones first."""
    rows = hold_out(own, None, None)
    return np.concatenate(
        [
            own.network.answer(part)[own.network.tensors[0]]
            for part in (rows.held_out, rows.training)
        ]
    )


def alike(own: OwnModel, model: keras.Model, given: Any) -> bool:
    wanted = model.predict(given, verbose=0)
    return np.allclose(np.sort(answers(own), axis=0), np.sort(wanted, axis=0), atol=1e-5)


def two_sided() -> keras.Model:
    left, right = keras.Input((2,), name="left"), keras.Input((2,), name="right")
    both = keras.layers.Concatenate()([left, right])
    return keras.Model([left, right], {"price": keras.layers.Dense(1)(both)})


def test_one_array_per_input_in_a_list_and_outputs_in_a_dict() -> None:
    model = two_sided()
    given = [ARRAY, ARRAY[::-1]]
    own = OwnModel.of(model, given, {"price": TARGET})
    assert [item.name for item in own.inputs] == ["left", "right"]
    assert own.network.tensors == ("price",)
    rows = hold_out(own, (given, {"price": TARGET}), None)
    assert len(rows.held_out) == ROWS
    wanted = model.predict(given, verbose=0)["price"]
    assert np.allclose(own.network.answer(rows.held_out)["price"], wanted, atol=1e-5)


def test_an_array_before_a_transformer_has_the_columns_of_its_fitting() -> None:
    model = dense(2)
    frame = pd.DataFrame(ARRAY, columns=["age", "income"])
    for scaler, names in (
        (StandardScaler().fit(frame), ["age", "income"]),
        (StandardScaler().fit(ARRAY), ["x_0", "x_1"]),
    ):
        own = OwnModel.of(model, ARRAY, TARGET, preprocess=scaler)
        assert [item.name for item in own.inputs] == names
        assert alike(
            own, model, np.asarray(scaler.transform(frame if names[0] == "age" else ARRAY))
        )
        assert len(hold_out(own, (ARRAY, TARGET), None).held_out) == ROWS


@pytest.mark.parametrize(
    "given",
    [np.asfortranarray(ARRAY), ARRAY.astype(object), ARRAY[::-1], ARRAY.tolist()],
    ids=["by columns", "objects", "backwards", "lists"],
)
def test_arrays_of_any_order_and_type_of_numbers(given: Any) -> None:
    model = dense(2)
    own = OwnModel.of(model, given, TARGET)
    assert alike(own, model, np.array(given, np.float32))


def test_whole_numbers_beyond_64_bits_are_floats() -> None:
    table = pd.DataFrame({"size": [2**70 + i for i in range(ROWS)], "age": ARRAY[:, 0]})
    own = OwnModel.of(dense(2), table, TARGET)
    assert [item.dtype for item in own.inputs] == ["float32", "float32"]
    assert len(answers(own)) == ROWS


def test_columns_may_be_called_as_layers_are() -> None:
    names = ["columns_together", "functional", "dense", "shares"]
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)], name="dense")
    table = pd.DataFrame(RNG.normal(0, 1, (ROWS, 4)), columns=names)
    assert alike(OwnModel.of(model, table, TARGET), model, table.to_numpy())
