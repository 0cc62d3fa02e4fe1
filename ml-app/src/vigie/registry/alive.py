"""How a process that looks at the registry again and again shows a health check that it does."""

from __future__ import annotations

import contextlib
from pathlib import Path


def note_alive(folder: Path, name: str) -> None:
    """Touches a file whose time a health check compares with now; a full disk stops nobody."""
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
