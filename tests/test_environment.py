"""`tools/environment` says in one sentence what a machine lacks, and compiles what it installs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NEEDED = ("bash", "cat", "cksum", "basename", "dirname", "awk", "mktemp", "rm", "printf", "env")


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder of programs to be the whole PATH: no Python yet, a disk with room."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in NEEDED:
        found = next(
            (Path(p) / name for p in ("/bin", "/usr/bin") if (Path(p) / name).exists()), None
        )
        if found is not None:
            (folder / name).symlink_to(found)
    program(folder, "df", "echo header; echo disk 9 9 99999999 1% /")
    return folder


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def run_script(tools: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    work = tools.parent / "checkout"
    (work / "ml-app").mkdir(parents=True, exist_ok=True)
    (work / "ml-app" / "requirements.txt").write_text("")
    return subprocess.run(
        [
            str(tools / "bash"),
            str(ROOT / "tools" / "environment"),
            ".venv",
            "ml-app/requirements.txt",
        ],
        cwd=work,
        env={"PATH": str(tools), "HOME": str(work), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def make_environment(tools: Path, **environment: str) -> str:
    """What the script says when it refuses."""
    done = run_script(tools, **environment)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("vigie:")]
    return line


def test_no_python_at_all(tools: Path) -> None:
    assert "Python 3.11, 3.12 or 3.13 is needed" in make_environment(tools)


def test_a_python_that_is_too_old(tools: Path) -> None:
    program(tools, "python3", "exit 1")
    assert "Python 3.11, 3.12 or 3.13 is needed" in make_environment(tools)


def test_a_wrong_python_that_was_named(tools: Path) -> None:
    program(tools, "python9", "exit 1")
    assert "PYTHON=python9 is not Python 3.11" in make_environment(tools, PYTHON="python9")


def test_no_venv_module(tools: Path) -> None:
    program(tools, "python3", 'case "$2" in *ensurepip*) exit 1;; esac; exit 0')
    assert "venv module is missing" in make_environment(tools)


def test_a_full_disk(tools: Path) -> None:
    program(tools, "python3", f'exec "{os.path.realpath(sys.executable)}" "$@"')
    program(tools, "df", "echo header; echo disk 9 9 1000 99% /")
    assert "the disk is full" in make_environment(tools)


@pytest.mark.parametrize("wanted", ["1", ""])
def test_packages_come_with_their_bytecode_where_it_is_wanted(tools: Path, wanted: str) -> None:
    program(tools, "python3", "exit 0")
    own = tools.parent / "checkout" / ".venv" / "bin"
    own.mkdir(parents=True)
    program(own, "python", "exit 0")
    asked = tools.parent / "asked"
    program(own, "uv", f'echo "$@" >> {asked}')
    assert run_script(tools, COMPILE=wanted).returncode == 0
    installed = [line for line in asked.read_text().splitlines() if line.startswith("pip install")]
    assert installed
    assert {"--compile-bytecode" in line for line in installed} == {bool(wanted)}
