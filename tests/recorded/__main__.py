"""Asks the corpus and shows how the answers differ, or records them anew.

    PYTHONPATH=tests .venv/bin/python -m recorded compare
    PYTHONPATH=tests .venv/bin/python -m recorded

To record is right where answers are meant to change, and wrong to make a test pass. Look at the
diff of `tests/recorded/answers/` before it is committed.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from recorded import store
from recorded.corpus import PARTS
from recorded.recording import SLOW, differences, entries_of
from recorded.replay import Replay, replay


def main() -> None:
    """Asks, then writes or compares."""
    with tempfile.TemporaryDirectory() as folder:
        answers = replay(Path(folder))
    if sys.argv[1:] == ["compare"]:
        _compare(answers)
    else:
        _record(answers)


def _record(answers: Replay) -> None:
    for part in PARTS:
        entries = entries_of(part, answers)
        store.write(part.name, entries)
        unlike = sum(SLOW in entry for entry in entries.values())
        sys.stdout.write(f"{part.name}: {len(entries)} requests, {unlike} with two answers\n")


def _compare(answers: Replay) -> None:
    for part in PARTS:
        entries = store.read(part.name)
        for transport, said in (("fast lane", answers.fast), ("Flask", answers.slow)):
            found = differences(part.name, entries, said[part.name], transport == "fast lane")
            for name, changes in found.items():
                sys.stdout.write(f"=== {part.name}: {name} ({transport})\n{changes}\n")


if __name__ == "__main__":
    main()
