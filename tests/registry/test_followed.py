"""Which models are looked after."""

from __future__ import annotations

import pytest

from vigie.registry.client import RegisteredModel
from vigie.registry.followed import followed_models
from vigie.settings import load_settings

LISTED = {
    "housing": RegisteredModel("housing", {"champion": "1"}),
    "churn": RegisteredModel("churn", {"champion": "3"}),
    "draft": RegisteredModel("draft", {"challenger": "3"}),
    "Wine Quality": RegisteredModel("Wine Quality", {"champion": "1"}),
}


@pytest.mark.parametrize(
    ("models", "followed"),
    [
        (("iris", "housing"), ["iris", "housing"]),
        (("iris", "*"), ["iris", "housing", "churn"]),
        (("*",), ["housing", "churn"]),
    ],
)
def test_required_models_come_first_and_others_need_a_champion(
    models: tuple[str, ...], followed: list[str]
) -> None:
    assert followed_models(load_settings(models=models), LISTED) == followed
