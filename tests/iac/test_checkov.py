"""The scanner checkov finds nothing but what has a reason, with everything turned on and off."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

IAC = Path(__file__).parents[2] / "Iac"
EVERYTHING = Path(__file__).with_name("everything.tfvars")

pytestmark = pytest.mark.skipif(shutil.which("checkov") is None, reason="checkov is not installed")


def scan(folder: Path, *options: str) -> dict[str, Any]:
    # it brings an hcl2 of its own, and takes ours where it is shown the way
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        ["checkov", "--directory", str(folder), "--framework", "terraform", "--skip-download",
         "--output", "json", *options],
        env=environment, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("options", [(), ("--var-file", str(EVERYTHING))])
def test_nothing_is_found(options: tuple[str, ...]) -> None:
    found = scan(IAC, *options)
    assert found["summary"]["passed"] > 50
    assert found["summary"]["parsing_errors"] == 0
    failed = [(c["check_id"], c["resource"]) for c in found["results"]["failed_checks"]]
    assert failed == []


def test_what_is_wrong_is_found(tmp_path: Path) -> None:
    folder = shutil.copytree(IAC, tmp_path / "Iac")
    file = folder / "machine.tf"
    text = file.read_text()
    assert 'block-project-ssh-keys = "TRUE"' in text
    file.write_text(text.replace('block-project-ssh-keys = "TRUE"', ""))
    failed = scan(folder)["results"]["failed_checks"]
    assert [check["check_id"] for check in failed] == ["CKV_GCP_32"]
