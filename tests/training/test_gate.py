from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from support import packages
from vigie.engines.predictor import Predictor, open_predictor
from vigie.models.package import read_package
from vigie.training.dataset import Dataset
from vigie.training.gate import (
    compare_origin,
    compare_with_baselines,
    compare_with_champion,
    predict_rows,
)


def champion(folder: Path) -> Predictor:
    root = folder / "package"
    packages.write_package(
        root, packages.housing_document(), packages.housing_graph(), packages.HOUSING_ROWS
    )
    return open_predictor(read_package(root, ""))


def sales(**more: list[Any]) -> Dataset:
    columns: dict[str, list[Any]] = {
        "surface_m2": [50.0, 80.0],
        "rooms": [2, 4],
        "property_type": ["apartment", "house"],
        **more,
    }
    return Dataset(columns, np.array([150_000.0, 240_000.0]), ["1", "2"], "test", "")


def test_a_model_must_beat_the_trivial_one() -> None:
    verdict = compare_with_baselines("regression", 10.0, {"median": 10.0, "linear": 12.0})
    assert verdict is not None
    assert "median" in verdict.reason


def test_a_model_may_be_a_little_worse_than_the_best_baseline() -> None:
    baselines = {"median": 30.0, "gradient_boosting": 10.0}
    assert compare_with_baselines("regression", 10.9, baselines) is None
    verdict = compare_with_baselines("regression", 11.1, baselines)
    assert verdict is not None
    assert not verdict.promote


def test_labels_are_compared_by_a_margin() -> None:
    baselines = {"majority": 0.7, "linear": 0.0}
    assert compare_with_baselines("classification", 0.04, baselines) is None
    assert compare_with_baselines("classification", 0.06, baselines) is not None


def test_better_than_the_champion_on_the_same_rows_is_promoted(tmp_path: Path) -> None:
    held_out = sales()
    serving = champion(tmp_path)
    error = float(np.mean(np.abs(predict_rows(serving, held_out) - held_out.target)))
    assert compare_with_champion("regression", error * 0.99, serving, held_out, "3").promote
    same = compare_with_champion("regression", error, serving, held_out, "3")
    assert not same.promote
    assert "version 3" in same.reason


def test_a_champion_is_asked_only_for_inputs_that_it_knows(tmp_path: Path) -> None:
    extended = sales(garden=[1.0, 2.0])
    assert len(predict_rows(champion(tmp_path), extended)) == 2


def test_made_up_data_never_replaces_real_data(tmp_path: Path) -> None:
    document = packages.housing_document()
    document["provenance"]["generated"] = False
    root = tmp_path / "package"
    packages.write_package(root, document, packages.housing_graph(), packages.HOUSING_ROWS)
    real = open_predictor(read_package(root, ""))
    made_up = replace(sales(), generated=True)
    verdict = compare_origin(real, made_up, "3")
    assert verdict is not None
    assert not verdict.promote
    assert compare_origin(real, sales(), "3") is None


def test_real_data_always_replaces_made_up_data(tmp_path: Path) -> None:
    verdict = compare_origin(champion(tmp_path), sales(), "3")
    assert verdict is not None
    assert verdict.promote
    assert (
        compare_origin(champion(tmp_path / "other"), replace(sales(), generated=True), "3") is None
    )


def test_a_champion_that_cannot_answer_blocks_a_silent_change(tmp_path: Path) -> None:
    rows = sales(surface_m2=[5000.0, 80.0])
    verdict = compare_with_champion("regression", 1.0, champion(tmp_path), rows, "3")
    assert not verdict.promote
    assert "cannot answer" in verdict.reason
