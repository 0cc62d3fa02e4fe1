from __future__ import annotations

from typing import Any

import numpy as np

from vigie.models.model_input import Choices, Input, Missing
from vigie.training.dataset import Dataset
from vigie.training.plan import Plan, Target


def number(name: str, **changes: Any) -> Input:
    base: dict[str, Any] = {
        "name": name, "label": name, "dtype": "float32", "tensor": "float32", "example": None
    }  # fmt: skip
    return Input(**{**base, **changes})


def fit(inputs: list[Input], fills: dict[str, Any] | None = None, **columns: list[Any]) -> Plan:
    rows = len(next(iter(columns.values())))
    dataset = Dataset(columns, np.ones(rows), [str(i) for i in range(rows)], "test", "")
    plan = Plan("model", "Model", "regression", tuple(inputs), Target("y", "y"), fills=fills or {})
    return plan.fitted_to(dataset)


def test_range_and_example_come_from_the_rows() -> None:
    (item,) = fit([number("a")], a=[3.0, 1.0, 2.0]).inputs
    assert item.range == (1.0, 3.0)
    assert item.example == 2.0


def test_an_input_that_was_never_seen_is_left_out() -> None:
    floor = number("floor", required=False, missing=Missing(fill=0))
    plan = fit([number("a"), floor], a=[1.0, 2.0], floor=[None, None])
    assert [item.name for item in plan.inputs] == ["a"]


def test_gaps_get_the_median_and_an_indicator() -> None:
    land = number("land", required=False, missing=Missing(fill=0))
    (item,) = fit([land], land=[None, 10.0, 30.0, 20.0]).inputs
    assert item.missing == Missing(fill=20.0, indicator="land__missing")


def test_without_gaps_there_is_a_fill_and_no_indicator() -> None:
    year = number("year", dtype="int64", required=False, missing=Missing(fill=0))
    (item,) = fit([year], {"year": "last"}, year=[2019, 2023, 2021]).inputs
    assert item.missing == Missing(fill=2023, indicator=None)


def test_open_choices_grow_and_closed_ones_do_not() -> None:
    base = {"dtype": "string", "tensor": "string"}
    free = number("free", **base)
    closed = number("closed", **base, choices=Choices(values=("p", "q")))
    plan = fit([free, closed], free=["b", "a", "b"], closed=["p", "p", "p"])
    assert plan.inputs[0].choices == Choices(values=("a", "b"), policy="open")
    assert plan.inputs[0].example == "b"
    assert plan.inputs[1].choices == Choices(values=("p", "q"))


def test_integers_that_are_looked_up_get_their_choices_from_the_rows() -> None:
    postcode = number("postcode", dtype="int64", tensor="string")
    (item,) = fit([postcode], postcode=[98001, 98002, 98001]).inputs
    assert item.choices == Choices(values=("98001", "98002"), policy="open")
    assert item.example == 98001
