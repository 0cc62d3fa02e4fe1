"""The command `vigie` in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping


def vigie(
    environment: Mapping[str, str], *arguments: object, seconds: float = 600
) -> subprocess.CompletedProcess[str]:
    """Runs it to its end with these arguments; gives what it said and its exit code."""
    return subprocess.run(
        [sys.executable, "-m", "vigie", *map(str, arguments)],
        env=dict(environment), capture_output=True, text=True, timeout=seconds, check=False,
    )  # fmt: skip
