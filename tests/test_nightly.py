"""`tools/nightly`: what it keeps, what it tells Prometheus, and that a failure is one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MADE = "vigie_backup_last_success_timestamp_seconds"
TRIED = "vigie_backup_last_trial_timestamp_seconds"
DAY = 86_400


class Night:
    """A checkout whose tools do what this test wants."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "tools").mkdir()
        (folder / "textfiles").mkdir()
        shutil.copy(ROOT / "tools" / "nightly", folder / "tools" / "nightly")
        self.tool(
            "backup", 'touch "$1/vigie-20260114T023000Z.tar"; echo "$1/vigie-20260114T023000Z.tar"'
        )
        self.tool("trial", 'echo "$1" >> tried')
        (folder / "backups").mkdir()

    def tool(self, name: str, does: str) -> None:
        path = self.folder / "tools" / name
        path.write_text(f"#!/bin/sh\n{does}\n")
        path.chmod(0o755)

    def run(self) -> int:
        done = subprocess.run(
            [self.folder / "tools" / "nightly"], check=False, timeout=30,
            env={
                "PATH": os.environ["PATH"], "KEPT": "2",
                "VIGIE_TEXTFILES": str(self.folder / "textfiles"),
            },
        )  # fmt: skip
        return done.returncode

    @property
    def figures(self) -> Path:
        return self.folder / "textfiles" / "vigie_backup.prom"

    def age(self, name: str) -> float:
        """Seconds, of what the file tells."""
        (value,) = re.findall(rf"^{name} (\d+)$", self.figures.read_text(), re.MULTILINE)
        return time.time() - int(value)

    def tried(self) -> int:
        path = self.folder / "tried"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def let_pass(self, days: float) -> None:
        """Puts the times of the file back."""
        self.figures.write_text(
            re.sub(r"\b\d{9,}$", lambda m: str(int(int(m[0]) - days * DAY)),
                   self.figures.read_text(), flags=re.MULTILINE)
        )  # fmt: skip


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Night(tmp_path)


def test_the_first_night_makes_a_backup_and_tries_it(night: Night) -> None:
    assert night.run() == 0
    assert (night.age(MADE), night.age(TRIED)) == pytest.approx((0, 0), abs=20)
    assert night.tried() == 1
    assert night.figures.stat().st_mode & 0o777 == 0o644


def test_the_newest_are_kept(night: Night) -> None:
    for day in range(10, 14):
        (night.folder / "backups" / f"vigie-202601{day}T000000Z.tar").touch()
    (night.folder / "backups" / "mine.tar").touch()
    assert night.run() == 0
    assert {one.name for one in (night.folder / "backups").iterdir()} == {
        "vigie-20260113T000000Z.tar", "vigie-20260114T023000Z.tar", "mine.tar"
    }  # fmt: skip


def test_a_trial_comes_once_a_week(night: Night) -> None:
    for _ in range(14):
        assert night.run() == 0
        night.let_pass(1)
    assert night.tried() == 2


def test_a_backup_that_fails_leaves_the_time_of_the_last_and_every_backup(night: Night) -> None:
    for day in range(10, 14):
        (night.folder / "backups" / f"vigie-202601{day}T000000Z.tar").touch()
    night.run()
    night.let_pass(1)
    night.tool("backup", "exit 1")
    kept = {one.name for one in (night.folder / "backups").iterdir()}
    assert night.run() == 1
    assert night.age(MADE) == pytest.approx(DAY, abs=20)
    assert {one.name for one in (night.folder / "backups").iterdir()} == kept
    assert night.tried() == 1


def test_a_first_backup_that_fails_is_told_too(night: Night) -> None:
    night.tool("backup", "exit 1")
    assert night.run() == 1
    assert f"\n{MADE} 0\n" in night.figures.read_text()


def test_a_trial_that_fails_is_tried_again_the_next_night(night: Night) -> None:
    night.tool("trial", "echo no >> tried; exit 1")
    assert [night.run(), night.run()] == [1, 1]
    assert night.tried() == 2
    assert f"\n{TRIED} 0\n" in night.figures.read_text()
    assert night.age(MADE) == pytest.approx(0, abs=20)
