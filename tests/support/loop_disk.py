"""A disk of a file: a loop device of this computer."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CAP_SYS_RESOURCE = 24


class LoopDisk:
    """A block device that can grow, with what was written on it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.device = run("losetup", "--find", "--show", str(file)).strip()

    def grow(self, size: int) -> None:
        """Makes the disk larger, in bytes; the file system on it knows nothing of that."""
        os.truncate(self.file, size)
        run("losetup", "--set-capacity", self.device)


def run(*words: str) -> str:
    """What a program says; an `AssertionError` where it fails."""
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, f"{words}: {done.stderr}"
    return done.stdout


def may_grow_ext4() -> bool:
    """Whether a mounted ext4 may grow here: containers often have not the right."""
    (line,) = re.findall(r"CapEff:\s*(\w+)", Path("/proc/self/status").read_text())
    return bool(int(line, 16) >> CAP_SYS_RESOURCE & 1)


@contextmanager
def loop_disk(file: Path, size: int) -> Iterator[LoopDisk]:
    """An empty disk of that many bytes; skips where none may be made."""
    if os.geteuid() != 0 or shutil.which("losetup") is None:
        pytest.skip("a loop device needs root and losetup")
    file.touch()
    os.truncate(file, size)
    try:
        disk = LoopDisk(file)
    except AssertionError as reason:
        pytest.skip(f"a loop device needs root and losetup: {reason}")
    try:
        yield disk
    finally:
        run("losetup", "--detach", disk.device)
        file.unlink()
