"""What builds the images keeps to the rules of hadolint."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BUILT = ("ml-app", "mlflow", "loadtest", "Iac/dataproc")
REPORTING = {
    "ml-app": ("ORT_DISABLE_TELEMETRY=1", "MLFLOW_DISABLE_TELEMETRY=true", "DO_NOT_TRACK=true"),
    "Iac/dataproc": (
        "ORT_DISABLE_TELEMETRY=1",
        "MLFLOW_DISABLE_TELEMETRY=true",
        "DO_NOT_TRACK=true",
    ),
    "mlflow": ("MLFLOW_DISABLE_TELEMETRY=true", "DO_NOT_TRACK=true"),
    "loadtest": (),
}
"""What is told not to report to its makers; no lock of the load test has such a library."""
DOCKERFILES = [ROOT / name / "Dockerfile" for name in BUILT]


def test_the_build_files_have_no_findings() -> None:
    if shutil.which("hadolint") is None:
        pytest.skip("hadolint is not installed")
    done = subprocess.run(
        ["hadolint", *map(str, DOCKERFILES)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", BUILT)
def test_no_library_of_an_image_reports_to_its_makers(name: str) -> None:
    text = (ROOT / name / "Dockerfile").read_text("utf-8")
    # the stage that runs: every other target of it begins with `base`
    stages = re.split(r"^FROM ", text, flags=re.MULTILINE)
    runs = next((s for s in stages if s.split("\n", 1)[0].endswith("AS base")), stages[-1])
    for setting in REPORTING[name]:
        assert re.search(rf"^(?:ENV|   ) {re.escape(setting)}(?: \\)?$", runs, re.MULTILINE), (
            setting
        )
    if not REPORTING[name]:
        locked = (ROOT / name / "requirements.txt").read_text("utf-8")
        assert not re.search(r"^(?:onnxruntime|mlflow)", locked, re.MULTILINE)
