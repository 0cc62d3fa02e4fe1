"""Ansible as tests run it: its programs beside this Python, or on the PATH."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.compose import ROOT

FOLDER = ROOT / "ansible"


def find_program(name: str) -> str:
    """The path of a program of Ansible's; the test is skipped where it is not installed."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    found = shutil.which(name, path=places)
    if found is None:
        pytest.skip(f"{name} is not installed: pip install ansible-core ansible-lint yamllint")
    return found


def run_program(
    name: str, *words: str | Path, seconds: float = 600
) -> subprocess.CompletedProcess[str]:
    """What a program of Ansible's says in the folder of the playbook."""
    program = find_program(name)
    path = os.pathsep.join([str(Path(program).parent), os.environ["PATH"]])
    return subprocess.run(
        [program, *words], cwd=FOLDER, capture_output=True, text=True, check=False, timeout=seconds,
        env={**os.environ, "PATH": path, "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
