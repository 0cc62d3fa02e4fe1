"""Records the corpus anew: `PYTHONPATH=tests .venv/bin/python -m recorded`.

That is right where answers are meant to change, and wrong to make a test pass. Look at the diff of
`tests/recorded/answers/` before it is committed.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from recorded import store
from recorded.corpus import PARTS
from recorded.recording import SLOW, entries_of
from recorded.replay import replay


def main() -> None:
    """Asks, writes, and says how much it was."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        answers = replay(Path(folder))
    for part in PARTS:
        entries = entries_of(part, answers)
        store.write(part.name, entries)
        unlike = sum(SLOW in entry for entry in entries.values())
        sys.stdout.write(f"{part.name}: {len(entries)} requests, {unlike} with two answers\n")
    total = sum(len(part.requests) for part in PARTS)
    sys.stdout.write(f"{total} requests in {time.monotonic() - began:.0f} s\n")


if __name__ == "__main__":
    main()
