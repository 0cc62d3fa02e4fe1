"""`tools/restore` where a step fails: one sentence, and the stack starts again.

The engine is a stand-in that notes how it is called, and fails where it is told to.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCKER = """#!/bin/bash
echo "docker ${*//$'\\n'/ }" >> "$CALLS"
if [ "$(wc -l < "$CALLS")" = "$FAILING" ]; then
  printf 'a word before\\nno such thing\\n' >&2
  exit 1
fi
case "$*" in
  "compose ps --all --quiet gateway") echo a1 ;;
  "compose ps --all --quiet ml-app") printf 'b2\\nc3\\n' ;;
  "compose ps --all --services") printf 'ml-app\\ngateway\\nload\\n' ;;
  "compose config --services") printf 'ml-app\\ngateway\\ngrafana\\n' ;;
esac
cat > /dev/null
"""
PARTS = (
    "VERSION",
    "mlflow.dump",
    "mlflow_auth.dump",
    "predictions.dump",
    "artifacts.tar",
    "keys.jsonl",
)
AGAIN = "docker compose up --detach --scale ml-app=2 ml-app gateway"


class Engine:
    """A checkout's tools, a backup of the release before, and a program `docker`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "bin").mkdir()
        (folder / "bin" / "docker").write_text(DOCKER)
        (folder / "bin" / "docker").chmod(0o755)
        shutil.copytree(ROOT / "tools", folder / "tools")
        self.backup = folder / "backup.tar"
        self._write_backup()

    def _write_backup(self) -> None:
        made = self.folder / "made"
        made.mkdir()
        for part in PARTS:
            (made / part).write_text("vigie backup 1\n2026-01-14T02:30:00Z\n")
        sums = "".join(
            f"{hashlib.sha256((made / part).read_bytes()).hexdigest()}  {part}\n" for part in PARTS
        )
        (made / "SHA256SUMS").write_text(sums)
        with tarfile.open(self.backup, "w") as archive:
            for part in ("SHA256SUMS", *PARTS):
                archive.add(made / part, part)

    def restore(self, failing: int = 0) -> subprocess.CompletedProcess[str]:
        (self.folder / "calls").unlink(missing_ok=True)
        return subprocess.run(
            [self.folder / "tools" / "restore", self.backup],
            capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False,
            env={
                "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "YES": "1",
                "CALLS": str(self.folder / "calls"), "FAILING": str(failing),
                "TMPDIR": str(self.folder),
            },
        )  # fmt: skip

    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(tmp_path)


def test_a_backup_of_the_release_before_is_restored(engine: Engine) -> None:
    done = engine.restore()
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith("Restored: 2026-01-14T02:30:00Z\n")
    assert engine.calls()[-1] == AGAIN.replace("--detach", "--detach --wait")


def test_wherever_it_fails_it_says_one_sentence_and_the_stack_starts_again(engine: Engine) -> None:
    engine.restore()
    stopped = False
    for failing in range(1, len(engine.calls()) + 1):
        done = engine.restore(failing)
        calls = engine.calls()
        said = [line for line in done.stderr.splitlines() if not line.endswith("…")]
        assert done.returncode == 1, calls[-1]
        (sentence,) = said
        assert sentence.startswith("vigie: "), said
        assert sentence.endswith(": no such thing")
        if any(call.startswith("docker compose stop") for call in calls):
            stopped = True
            assert calls[-1].replace(" --wait", "") == AGAIN
        assert not list(engine.folder.glob("tmp.*"))
    assert stopped


def test_where_the_stack_was_not_up_a_failure_starts_nothing(engine: Engine) -> None:
    docker = engine.folder / "bin" / "docker"
    docker.write_text(docker.read_text().replace("echo a1", ":"))
    engine.restore()
    swap = next(
        n for n, call in enumerate(engine.calls(), 1) if call.startswith("docker compose stop")
    )
    assert engine.restore(swap).returncode == 1
    assert engine.calls()[-1].startswith("docker compose stop")
