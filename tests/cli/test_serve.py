"""The commands that start what runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from support.fake_mlflow import FakeMlflow, fake_mlflow
from vigie.cli.main import main


@pytest.fixture
def mlflow() -> Iterator[FakeMlflow]:
    level = logging.getLogger().level
    with fake_mlflow() as fake:
        yield fake
    logging.getLogger().setLevel(level)


def importer(mlflow: FakeMlflow, folder: Path) -> Result:
    environment = {
        "VIGIE_MLFLOW_URL": mlflow.url, "VIGIE_STATE": str(folder / "state"), "VIGIE_MODELS": "*",
        "VIGIE_REGISTRY_TIMEOUT_SECONDS": "60",
    }  # fmt: skip
    return CliRunner().invoke(main, ["importer", "--once"], env=environment)


def test_the_importer_says_what_came_of_a_look(mlflow: FakeMlflow, tmp_path: Path) -> None:
    mlflow.register("housing", "1", tmp_path, "0" * 64)
    done = importer(mlflow, tmp_path)
    assert (done.exit_code, done.stdout) == (0, "housing: package\n")


def test_an_import_that_fails_is_its_exit_code(mlflow: FakeMlflow, tmp_path: Path) -> None:
    logged = tmp_path / "logged"
    logged.mkdir()
    (logged / "own.py").write_text("")
    mlflow.register("churn", "1", logged, None)
    done = importer(mlflow, tmp_path)
    assert (done.exit_code, done.stdout) == (1, "churn: refused\n")
    assert "own.py, which is never opened" in mlflow.tags("churn", "1")["vigie.import.reason"]
