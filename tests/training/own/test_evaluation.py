"""What a caller's own model answers on held-out rows is looked at before it is believed."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from support.own_programs import dense
from vigie.errors import DataError
from vigie.training.own.evaluation import OwnEvaluation, evaluate_own
from vigie.training.own.model import OwnModel
from vigie.training.own.rows import hold_out
from vigie.training.plan import Plan, Target

pytestmark = pytest.mark.filterwarnings("ignore")
ROWS = 300
KINDS = np.arange(ROWS) % 3
TABLE = pd.DataFrame(
    np.random.default_rng(2).normal(0, 0.3, (ROWS, 3)) + 5 * np.eye(3)[KINDS],
    columns=["a", "b", "c"],
)


def evaluated(model: keras.Model, targets: Any, **options: Any) -> OwnEvaluation:
    own = OwnModel.of(model, TABLE, targets, **options)
    plan = Plan("own", "Own", own.target.task, own.inputs, Target("kind", "Kind"))
    return evaluate_own(plan, own, hold_out(own, None, None).held_out)


def by_the_largest() -> keras.Model:
    """A model whose scores are in the order of the columns."""
    return keras.Sequential([keras.Input((3,)), keras.layers.Softmax()])


def test_labels_in_another_order_than_their_scores_are_told() -> None:
    texts = np.array(["w", "u", "v"])[KINDS]
    with pytest.raises(DataError, match="in the order w, u, v and not u, v, w; say with labels="):
        evaluated(by_the_largest(), texts)
    assert evaluated(by_the_largest(), texts, labels=["w", "u", "v"]).metrics["accuracy"] == 1


def test_scores_that_are_no_shares_are_told() -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Rescaling(2.0)])
    with pytest.raises(DataError, match="end it with softmax"):
        evaluated(model, KINDS, labels=["u", "v", "w"])


def test_a_model_that_knows_nothing_is_no_other_order() -> None:
    texts = np.array(["w", "u", "v"])[np.random.default_rng(3).integers(0, 3, ROWS)]
    assert evaluated(dense(3, 3, "softmax"), texts).metrics["accuracy"] < 0.7
