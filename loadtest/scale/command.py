"""Programs that are called, with their words where they fail."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from scale.failure import ScaleError

LONGEST_SECONDS = 600


def said(*words: str, check: bool = True, environment: Mapping[str, str] | None = None) -> str:
    """What a program writes; `ScaleError` with its last words where it fails."""
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=LONGEST_SECONDS,
        env=environment,
    )  # fmt: skip
    if check and done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no word"]
        raise ScaleError(f"{' '.join(words[:4])} …: {last[0]}")
    return done.stdout
