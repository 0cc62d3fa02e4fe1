"""The commands for registered versions, as a person types them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fake_mlflow import FakeMlflow, fake_mlflow
from packages import HOUSING_ROWS, housing_document, housing_graph, write_package
from vigie.cli import main


@pytest.fixture
def mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeMlflow]:
    with fake_mlflow() as fake:
        monkeypatch.setenv("VIGIE_MLFLOW_URL", fake.url)
        monkeypatch.setenv("VIGIE_STATE", str(tmp_path / "state"))
        monkeypatch.setenv("COLUMNS", "160")
        yield fake


def register(mlflow: FakeMlflow, folder: Path, version: str, error: str, factor: float) -> None:
    root = folder / version
    document = housing_document(factor=factor)
    digest = write_package(root, document, housing_graph(factor), HOUSING_ROWS)
    mlflow.register(
        "housing", version, root, digest, "champion" if version == "1" else None,
        error=error, error_metric="mae", held_out_sha256="a" * 64, verdict=f"verdict {version}",
    )  # fmt: skip


@pytest.fixture
def two(mlflow: FakeMlflow, tmp_path: Path) -> FakeMlflow:
    """A champion, and a version that is worse."""
    register(mlflow, tmp_path, "1", "31000.4", 1.0)
    register(mlflow, tmp_path, "2", "32000.0", 2.0)
    return mlflow


def vigie(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_models_lists_what_is_registered(two: FakeMlflow, tmp_path: Path) -> None:
    two.register("Strange name", "1", tmp_path, None)
    two.aliases["empty"] = {}
    said = vigie("models")
    assert said.exit_code == 0
    rows = [line.split() for line in said.stdout.splitlines()]
    (row,) = [cells for cells in rows if "housing" in cells]
    assert [c for c in row if c != "│"] == ["housing", "1", "2", "mae", "32,000", "verdict", "2"]
    assert "Strange" not in said.stdout
    assert "empty" in said.stdout


def test_promote_refuses_then_obeys_and_rollback_returns(two: FakeMlflow) -> None:
    said = vigie("promote", "housing", "--version", "2")
    assert said.exit_code == 1
    assert "worse than version 1 on the same rows (32,000 against 31,000)" in said.stderr
    assert "--force" in said.stderr
    said = vigie("promote", "housing", "--version", "2", "--force", "--reason", "why not")
    assert said.exit_code == 0
    assert said.stdout.startswith(
        "housing version 2 is the champion now, in place of version 1: why not"
    )
    said = vigie("rollback", "housing", "--reason", "that is why")
    assert said.stdout == (
        "housing version 1 is the champion now, in place of version 2: that is why\n"
    )
    assert two.aliases["housing"] == {"champion": "1"}


def test_a_registry_that_is_away_is_one_sentence(
    mlflow: FakeMlflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIGIE_MLFLOW_URL", "http://127.0.0.1:1")
    for command in (("models",), ("rollback", "housing")):
        said = vigie(*command)
        assert (said.exit_code, said.stdout) == (1, "")
        assert said.stderr == "vigie: MLflow does not answer (connection refused or lost)\n"


def test_a_name_that_no_model_has_is_refused_before_anything_is_asked(mlflow: FakeMlflow) -> None:
    said = vigie("rollback", "x' OR name LIKE '%")
    assert said.exit_code == 2
    assert "lower-case letters" in said.stderr
    assert mlflow.asked == []
