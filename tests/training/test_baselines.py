from __future__ import annotations

import numpy as np

from vigie.models.model_input import Choices, Input, Missing
from vigie.training.baselines import predict_baselines
from vigie.training.dataset import Dataset
from vigie.training.evaluation import main_error, score
from vigie.training.plan import Plan, Target


def prices(rows: int, seed: int) -> Dataset:
    rng = np.random.default_rng(seed)
    surface = rng.uniform(20, 200, rows)
    house = rng.random(rows) < 0.4
    price = 3000 * surface * np.where(house, 1.3, 1.0) * rng.lognormal(0, 0.05, rows)
    land = [float(s) if h else None for s, h in zip(surface * 4, house, strict=True)]
    return Dataset(
        {
            "surface": surface.tolist(),
            "kind": ["house" if h else "flat" for h in house],
            "land": land,
        },
        price,
        [str(row) for row in range(rows)],
        "test",
        "",
    )


def plan() -> Plan:
    inputs = (
        Input(name="surface", label="s", dtype="float32", tensor="float32", example=1.0),
        Input(
            name="kind", label="k", dtype="string", tensor="string", example="flat",
            choices=Choices(values=("flat", "house")),
        ),
        Input(
            name="land", label="l", dtype="float32", tensor="float32", example=None,
            required=False, missing=Missing(fill=0),
        ),
    )  # fmt: skip
    return Plan("p", "P", "regression", inputs, Target("price", "price", log=True))


def test_three_baselines_answer_and_rank_as_they_should() -> None:
    training, test = prices(600, 1), prices(200, 2)
    errors = {
        name: main_error("regression", score("regression", predicted, test.target))
        for name, predicted in predict_baselines(plan(), training, test).items()
    }
    assert set(errors) == {"median", "linear", "gradient_boosting"}
    assert errors["gradient_boosting"] < errors["linear"] < errors["median"]


def test_a_value_unknown_to_training_is_no_error() -> None:
    training, test = prices(200, 1), prices(3, 2)
    strange = Dataset({**test.columns, "kind": ["castle"] * 3}, test.target, test.ids, "t", "")
    for predicted in predict_baselines(plan(), training, strange).values():
        assert np.isfinite(predicted).all()
