"""A trained version beside the champion, on the rows that were held out from its training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support import packages
from support.fake_mlflow import FakeMlflow, fake_mlflow
from vigie.engines.predictor import Predictor
from vigie.registry.client import RegistryClient
from vigie.registry.gate.accuracy import answers_to
from vigie.registry.gate.comparison import Comparison
from vigie.settings import load_settings
from vigie.training.comparison import compare_trained, compare_with_champion
from vigie.training.dataset import Dataset


def champion(folder: Path) -> Predictor:
    return packages.open_housing(folder / "package")


def sales(**more: list[Any]) -> Dataset:
    columns: dict[str, list[Any]] = {
        "surface_m2": [50.0, 80.0],
        "rooms": [2, 4],
        "property_type": ["apartment", "house"],
        **more,
    }
    return Dataset(columns, np.array([150_000.0, 240_000.0]), ["1", "2"], "test", "")


def test_better_than_the_champion_on_the_same_rows_is_promoted(tmp_path: Path) -> None:
    held_out = sales()
    serving = champion(tmp_path)
    error = float(np.mean(np.abs(answers_to(serving, held_out.rows()) - held_out.target)))
    assert compare_with_champion("regression", error * 0.99, serving, held_out, "3").promote
    same = compare_with_champion("regression", error, serving, held_out, "3")
    assert not same.promote
    assert "version 3" in same.reason


def test_a_champion_that_cannot_answer_blocks_a_silent_change(tmp_path: Path) -> None:
    rows = sales(surface_m2=[5000.0, 80.0])
    found = compare_with_champion("regression", 1.0, champion(tmp_path), rows, "3")
    assert not found.promote
    assert "cannot answer" in found.reason


@pytest.fixture
def mlflow() -> Iterator[FakeMlflow]:
    with fake_mlflow() as fake:
        yield fake


def compared(
    mlflow: FakeMlflow, root: Path, held_out: Dataset, error: float, generated: bool
) -> Comparison:
    """The comparison with a champion in MLflow whose training data was generated, or not."""
    document = packages.housing_document()
    document["provenance"]["generated"] = generated
    graph = packages.housing_graph()
    digest = packages.write_package(root, document, graph, packages.HOUSING_ROWS)
    mlflow.register("housing", "3", root, digest)
    settings = load_settings(mlflow_url=mlflow.url)
    serving = RegistryClient.of(settings).version_of("housing", "champion")
    assert serving is not None
    baselines = {"median": 1e9}
    return compare_trained("regression", error, baselines, serving, held_out, settings)


def test_made_up_data_never_replaces_real_data(mlflow: FakeMlflow, tmp_path: Path) -> None:
    made_up = replace(sales(), generated=True)
    refused = compared(mlflow, tmp_path / "real", made_up, 0.0, generated=False)
    assert not refused.promote
    assert refused.reason == "trained on generated data, version 3 on real data"
    assert compared(mlflow, tmp_path / "other", made_up, 0.0, generated=True).promote


def test_real_data_always_replaces_made_up_data(mlflow: FakeMlflow, tmp_path: Path) -> None:
    taken = compared(mlflow, tmp_path / "made up", sales(), 1e8, generated=True)
    assert taken.promote
    assert taken.reason == "trained on real data, version 3 on generated data"
    assert not compared(mlflow, tmp_path / "real", sales(), 1e8, generated=False).promote
