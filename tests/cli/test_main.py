"""What every command has in common: one sentence for a failure that can be explained."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner
from mlflow.exceptions import MlflowException

from vigie.cli.main import OF_MLFLOW, main
from vigie.errors import VigieError


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (VigieError("the disk is full"), "vigie: the disk is full"),
        (
            MlflowException("API request to http://somewhere failed: too many 500 error responses"),
            f"vigie: {OF_MLFLOW}",
        ),
    ],
)
def test_an_explained_failure_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, failure: Exception, said: str
) -> None:
    @click.command()
    def planted() -> None:
        raise failure

    monkeypatch.setitem(main.commands, "planted", planted)
    result = CliRunner().invoke(main, ["planted"])
    assert (result.exit_code, result.stderr.strip(), result.stdout) == (1, said, "")


def test_what_nobody_explained_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def planted() -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(main.commands, "planted", planted)
    assert isinstance(CliRunner().invoke(main, ["planted"]).exception, ZeroDivisionError)
