"""Classes of a caller's own model: which there are, and whose each score is."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from support.own_programs import dense
from vigie.errors import DataError
from vigie.training.own.classes import loss_of
from vigie.training.own.targets import read_target

pytestmark = pytest.mark.filterwarnings("ignore")
ROWS = 60
KINDS = np.arange(ROWS) % 3
ONE_HOT = np.eye(3)[KINDS]
TEXTS = np.array(["low", "medium", "high"])[KINDS]
ORDERED = pd.CategoricalDtype(["low", "medium", "high"], ordered=True)

LABELS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "one-hot rows": (ONE_HOT, ("0", "1", "2")),
    "one-hot columns": (pd.DataFrame(ONE_HOT, columns=["x", "y", "z"]), ("x", "y", "z")),
    "true and false in columns": (pd.get_dummies(TEXTS), ("high", "low", "medium")),
    "texts": (TEXTS, ("high", "low", "medium")),
    "categories in an order": (pd.Series(TEXTS, dtype=ORDERED), ("low", "medium", "high")),
    "a category that no row has": (
        pd.Series(TEXTS, dtype=pd.CategoricalDtype(["none", *ORDERED.categories])),
        ("low", "medium", "high"),
    ),
    "numbers as floats": (KINDS.astype(float), ("0", "1", "2")),
}


def functional(model: keras.Model) -> keras.Model:
    """A model with names for its outputs."""
    return keras.Model(model.inputs, model.outputs)


@pytest.mark.parametrize("name", LABELS)
def test_the_labels_are_in_the_order_that_the_targets_say(name: str) -> None:
    targets, labels = LABELS[name]
    found = read_target(targets, functional(dense(2, 3, "softmax")), ROWS)
    assert found.labels == labels
    texts = set(labels) == set(TEXTS)
    wanted = TEXTS.tolist() if texts else [labels[kind] for kind in KINDS]
    assert found.truths.tolist() == wanted


def test_rows_of_several_labels_are_numbers_and_no_classes() -> None:
    several = np.stack([KINDS > 0, KINDS > 1, KINDS < 2], axis=1).astype(int)
    model = functional(dense(2, 3, "sigmoid"))
    model.compile("adam", "binary_crossentropy")
    found = read_target(several, model, ROWS, loss_of(model))
    assert (found.task, found.labels, found.shape) == ("embedding", (), (3,))
    with pytest.raises(DataError, match="rows of several labels or of none"):
        read_target(several, model, ROWS, loss_of(model), labels=["a", "b", "c"])


def test_softmax_is_found_inside_another_model_and_as_a_layer() -> None:
    nested = keras.Sequential([keras.Input((2,)), dense(2, 3, "softmax")])
    layer = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3), keras.layers.Softmax()])
    for model in (nested, layer):
        assert read_target(KINDS, functional(model), ROWS).labels == ("0", "1", "2")
