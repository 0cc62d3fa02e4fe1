"""MLflow of this machine: one command line, whoever starts it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from vigie.cli.local import mlflow_command

ROOT = Path(__file__).parents[2]
STAND_IN = '#!/bin/sh\nprintf "%s\\n" "$@"\necho "jobs $MLFLOW_SERVER_ENABLE_JOB_EXECUTION"\n'


def procfile() -> dict[str, list[str]]:
    lines = (ROOT / "Procfile").read_text(encoding="utf-8").splitlines()
    return {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a stand-in for MLflow that says how it was called."""
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "mlflow", tmp_path / "tools" / "mlflow")
    program = tmp_path / "mlflow" / ".venv" / "bin" / "mlflow"
    program.parent.mkdir(parents=True)
    program.write_text(STAND_IN)
    program.chmod(0o755)
    return tmp_path


def said(command: list[str], folder: Path) -> list[str]:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=True, timeout=60,
        env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    return done.stdout.splitlines()


def test_vigie_run_and_the_procfile_start_the_same_mlflow(checkout: Path) -> None:
    assert procfile()["mlflow"] == ["tools/mlflow"]
    assert said(procfile()["mlflow"], checkout) == said(mlflow_command(checkout, 5001), checkout)


def test_mlflow_listens_here_alone_and_keeps_all_in_the_checkout(checkout: Path) -> None:
    server, *words, jobs = said(mlflow_command(checkout, 5051), Path("/"))
    assert (server, jobs) == ("server", "jobs false")
    store = checkout / "mlflow" / "mlruns"
    assert store.is_dir()
    assert dict(zip(words[::2], words[1::2], strict=True)) == {
        "--host": "127.0.0.1",
        "--port": "5051",
        "--workers": "1",
        "--backend-store-uri": f"sqlite:///{store}/mlflow.db",
        "--artifacts-destination": f"{store}/artifacts",
        "--allowed-hosts": "localhost:5051,127.0.0.1:5051",
    }


def test_the_procfile_starts_the_processes_of_vigie_run() -> None:
    assert procfile().keys() == {"mlflow", "model-sync", "importer", "service"}
    assert procfile()["model-sync"] == [".venv/bin/vigie", "follow"]
    assert procfile()["importer"] == [".venv/bin/vigie", "importer"]
    assert procfile()["service"] == [".venv/bin/vigie", "serve"]
