"""A copy of this checkout whose files a test may change, as a new release would."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from support.compose import ROOT


def copy_checkout(folder: Path) -> Path:
    """What git knows of this checkout, and what is new in it, in a folder of its own."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        source = ROOT / name
        if source.is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name)
    return folder


def replace_in(file: Path, old: str, new: str) -> None:
    """Puts `new` in the place of `old`, which must be there once, by a new file."""
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old} in {file.name}"
    changed = file.with_suffix(".new")
    changed.write_text(text.replace(old, new), encoding="utf-8")
    shutil.copymode(file, changed)
    changed.replace(file)
