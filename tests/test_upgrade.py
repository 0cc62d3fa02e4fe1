"""`tools/upgrade` and `tools/backup` on a stack whose services had other names before.

The engine is a stand-in that notes how it is called.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCKER = """#!/bin/bash
echo "docker $*" >> "$CALLS"
case "$*" in
  "compose ps --all --format"*) printf '%s\\n' "$CONTAINERS" ;;
  "compose ps --quiet"*) echo 0123456789ab ;;
  "compose run"*) PATH=$REAL_PATH; for last; do :; done; sh -c "${last//\\/secrets/$SECRETS}" ;;
esac
"""


class Engine:
    """A checkout's tools, and a program `docker` that says what this test lets it say."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.secrets = folder / "secrets"
        self.secrets.mkdir()
        (folder / "bin").mkdir()
        (folder / "bin" / "docker").write_text(DOCKER)
        (folder / "bin" / "docker").chmod(0o755)
        (folder / "bin" / "sleep").symlink_to("/bin/true")
        shutil.copytree(ROOT / "tools", folder / "tools")

    def run(self, tool: str, *words: str, containers: str = "") -> str:
        path = os.environ["PATH"]
        done = subprocess.run(
            [self.folder / "tools" / tool, *words], capture_output=True, text=True, timeout=60,
            env={
                "PATH": f"{self.folder / 'bin'}:{path}", "REAL_PATH": path,
                "CALLS": str(self.folder / "calls"), "SECRETS": str(self.secrets),
                "CONTAINERS": containers,
            },
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(tmp_path)


def test_containers_of_former_names_go_before_the_last_step_and_no_others(engine: Engine) -> None:
    found = "gateway a1\nregistry b2\nretrain c3\nmigrate d4\nmy-registry e5\nmodel-sync f6"
    engine.run("upgrade", containers=found)
    calls = engine.calls()
    removed = [call for call in calls if call.startswith("docker rm --force")]
    assert removed == ["docker rm --force b2 d4"]
    assert calls.index("docker compose up --detach secrets mlflow-migrate trainer") < calls.index(
        removed[0]
    )
    assert calls[-1] == "docker compose up --detach --wait --scale ml-app=1"
    assert calls.index(removed[0]) < len(calls) - 1


def test_a_second_upgrade_removes_nothing(engine: Engine) -> None:
    engine.run("upgrade", containers="gateway a1\nmodel-sync b2\nmlflow-migrate c3")
    assert not [call for call in engine.calls() if call.startswith("docker rm --force")]


@pytest.mark.parametrize("folders", [("apikeys",), ("keys",), ("apikeys", "keys")], ids=str)
def test_a_backup_has_the_keys_of_callers_wherever_they_lie(
    engine: Engine, folders: tuple[str, ...]
) -> None:
    for folder in folders:
        (engine.secrets / folder).mkdir()
        (engine.secrets / folder / "keys.jsonl").write_text(f"keys in {folder}")
    backup = engine.run("backup", str(engine.folder / "backups"))
    kept = subprocess.run(
        ["tar", "--extract", "--to-stdout", "--file", backup, "keys.jsonl"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert kept == f"keys in {folders[0]}"
