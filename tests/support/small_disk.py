"""A disk of few bytes, for what happens when it is full."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """A file system of `size` bytes in memory, mounted at a new folder until the end of the block.

    Skips where this user may not mount one.
    """
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "vigie-test", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)
    if done.returncode:
        pytest.skip("a small disk needs the right to mount one: root, CAP_SYS_ADMIN")
    try:
        yield folder
    finally:
        # what is still open there stays until it is closed
        subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=30)
