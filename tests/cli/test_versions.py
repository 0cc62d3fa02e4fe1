"""The commands for registered versions, as a person types them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from support.fake_mlflow import FakeMlflow, fake_mlflow
from support.packages import HOUSING_ROWS, housing_document, housing_graph, write_package
from vigie.cli.main import main


@pytest.fixture
def mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeMlflow]:
    with fake_mlflow() as fake:
        monkeypatch.setenv("VIGIE_MLFLOW_URL", fake.url)
        monkeypatch.setenv("VIGIE_AUDIT_LOG", str(tmp_path / "audit.log"))
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


def cells(said: Result) -> list[list[str]]:
    """The cells of every table line, without its frame."""
    lines = [line for line in said.stdout.splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]


def test_diff_shows_figures_signature_and_answers(two: FakeMlflow, tmp_path: Path) -> None:
    document = copy.deepcopy(housing_document(factor=2.0))
    document["inputs"][0]["limits"] = [100, 2000]
    document["inputs"][4]["choices"]["values"].append("4")
    digest = write_package(tmp_path / "3", document, housing_graph(2.0), HOUSING_ROWS[1:])
    two.register("housing", "3", tmp_path / "3", digest, None)
    said = vigie("diff", "housing", "champion", "3")
    assert said.exit_code == 0, said.stderr
    assert ["mae", "10,000", "20,000", "+100.0%"] in cells(said)
    assert "breaks callers: input surface_m2: limits 9 to 1000 became 100 to 2000" in said.stdout
    assert "changes: input district knows 4 too" in said.stdout
    answers = [(row[0], *row[2:]) for row in cells(said) if row[0] in ("1", "3")]
    assert answers == [
        ("1", "164,500", "refused: surface_m2: number from 100 to 2000"),
        ("1", "390,300", "751,800"),
        ("3", "390,300", "751,800"),
    ]


def test_diff_of_the_same_signature_says_so(two: FakeMlflow) -> None:
    said = vigie("diff", "housing", "1", "2")
    assert "the signature is the same" in said.stdout
    rows = cells(said)
    answers = [(row[0], *row[2:]) for row in rows if row[0] in ("1", "2")]
    assert answers == [
        ("1", "164,500", "326,500"),
        ("1", "390,300", "751,800"),
        ("2", "164,500", "326,500"),
        ("2", "390,300", "751,800"),
    ]


def test_diff_names_a_version_that_is_missing_or_damaged(two: FakeMlflow, tmp_path: Path) -> None:
    assert "housing has no version 9" in vigie("diff", "housing", "1", "9").stderr
    assert "housing has no version gold" in vigie("diff", "housing", "gold", "1").stderr
    (tmp_path / "2/MLmodel").write_text("changed")
    said = vigie("diff", "housing", "1", "2")
    assert said.exit_code == 1
    assert "version 2 cannot be compared: a file differs from its sha256" in said.stderr


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
