"""What a run shows: the model card says what the figures are, the pictures are there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import orjson
import pytest

from support.trained import load_data
from vigie.recipes.catalogue import find_table
from vigie.training.dataset import Dataset, split
from vigie.training.evaluation import Evaluation, evaluate
from vigie.training.fit import Fitted
from vigie.training.model_card import model_card
from vigie.training.packaging import Trained
from vigie.training.report import write_plots

BASELINES = {"median": 41.5, "linear": 40.25}
HISTORY = ({"loss": 0.9, "val_loss": 1.0}, {"loss": 0.5, "val_loss": 0.75})


def evaluated(name: str) -> tuple[Trained, Dataset, Evaluation]:
    """A recipe's data, and the held-out truths in reverse for predictions."""
    training, held_out = split(load_data(name))
    plan = find_table(name).spec.plan().fitted_to(training)
    evaluation = evaluate(plan, held_out, held_out.target[::-1].copy(), None)
    network: Any = SimpleNamespace(tensors=["answer"])
    trained = Trained(
        plan,
        network,
        training,
        held_out,
        None,
        plan.labels(training),
        evaluation.metrics,
        None,
        "2026",
    )
    return trained, held_out, evaluation


@pytest.mark.parametrize("name", ["housing", "iris"])
def test_the_card_gives_every_figure_beside_the_baselines(name: str) -> None:
    trained, held_out, evaluation = evaluated(name)
    lines = model_card(trained, BASELINES, evaluation, len(held_out)).splitlines()
    assert f"## Quality on {len(held_out)} held-out rows" in lines
    assert {f"| {key} | {value:.6g} |" for key, value in evaluation.metrics.items()} <= {*lines}
    start = lines.index("| model | error |")
    assert lines[start + 1 : start + 5] == [
        "| --- | --- |", f"| this network | {evaluation.error:.6g} |",
        "| median | 41.5 |", "| linear | 40.25 |",
    ]  # fmt: skip
    for item in trained.plan.inputs:
        assert sum(line.startswith(f"| `{item.name}` | ") for line in lines) == 1
    for rule in trained.training.rules:
        assert f"| {rule.name} | {rule.dropped} |" in lines


def test_the_card_says_what_is_feedback_and_what_was_made_up() -> None:
    trained, held_out, evaluation = evaluated("iris")
    plain = model_card(trained, BASELINES, evaluation, len(held_out))
    assert "feedback" not in plain
    assert "generated" not in plain
    fed = replace(trained, feedback_rows=3, training=replace(trained.training, generated=True))
    text = model_card(fed, BASELINES, evaluation, len(held_out))
    assert ", 3 of them feedback: what earlier versions were asked" in text
    assert "**Trained on generated data: its answers say nothing about real ones.**" in text


@pytest.mark.parametrize(
    ("name", "pictures"),
    [
        ("housing", {"predicted_against_actual", "residuals"}),
        ("iris", {"confusion_matrix"}),
    ],
)
def test_the_pictures_are_those_of_the_task(name: str, pictures: set[str], tmp_path: Path) -> None:
    trained, held_out, evaluation = evaluated(name)
    fitted = Fitted(keras.Sequential(), HISTORY, np.array([]), np.array([]))
    write_plots(tmp_path, trained.plan, fitted.history, held_out, evaluation)
    found = {path.stem for path in (tmp_path / "plots").iterdir()}
    slices = {"error_by_slice"} if evaluation.slices else set()
    assert found == pictures | {"learning_curve"} | slices
    if slices:
        table = orjson.loads((tmp_path / "error_by_slice.json").read_bytes())
        assert table == evaluation.slices
