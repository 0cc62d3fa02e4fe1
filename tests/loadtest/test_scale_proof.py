"""The program of the proof says what is missing before it changes anything."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scale.command import said
from scale.failure import ScaleError
from support.ports import free_port

ROOT = Path(__file__).parents[2]


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, **environment},
    )  # fmt: skip


def test_another_place_than_the_two_is_refused() -> None:
    done = run("tools/scale-proof", ON="swarm")
    assert done.returncode == 2
    assert "ON is kubernetes or compose, not swarm" in done.stderr


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(ScaleError, match="no-such-program is not installed"):
        said("no-such-program", "get", "pods")


def test_a_program_that_fails_says_its_last_words() -> None:
    script = "import sys; print('first'); print('no such pod', file=sys.stderr); sys.exit(1)"
    with pytest.raises(ScaleError, match="no such pod"):
        said(sys.executable, "-c", script)


def test_a_proof_without_a_service_ends_with_one_sentence(tmp_path: Path) -> None:
    """Neither the program of the cluster nor that of the stack is on this path."""
    programs = tmp_path / "bin"
    programs.mkdir()
    python = shutil.which("python3")
    assert python is not None
    (programs / "python3").symlink_to(python)
    url = f"http://127.0.0.1:{free_port()}"
    for on, program in (("kubernetes", "kubectl"), ("compose", "docker")):
        done = run(
            sys.executable, "-m", "scale", "--on", on, "--url", url, "--output", str(tmp_path),
            PYTHONPATH="loadtest", PATH=str(programs),
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (2, f"scale-proof: {program} is not installed\n")
    assert not (tmp_path / "docs").exists()
