"""What builds the images keeps to the rules of hadolint."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BUILT = ("ml-app", "mlflow", "loadtest", "Iac/dataproc")
DOCKERFILES = [ROOT / name / "Dockerfile" for name in BUILT]


def test_the_build_files_have_no_findings() -> None:
    if shutil.which("hadolint") is None:
        pytest.skip("hadolint is not installed")
    done = subprocess.run(
        ["hadolint", *map(str, DOCKERFILES)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
