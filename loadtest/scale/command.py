"""Programs that are called, with their words where they fail."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping

from scale.failure import ScaleError

LONGEST_SECONDS = 600


def said(
    *words: str, environment: Mapping[str, str] | None = None, given: str | None = None
) -> str:
    """What a program writes; `ScaleError` with its last words where it fails."""
    if shutil.which(words[0]) is None:
        raise ScaleError(f"{words[0]} is not installed")
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=LONGEST_SECONDS,
        env=environment, input=given,
    )  # fmt: skip
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no word"]
        raise ScaleError(f"{' '.join(words[:4])} …: {last[0]}")
    return done.stdout
