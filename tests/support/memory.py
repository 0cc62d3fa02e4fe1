"""What processes weigh, and a way to say so."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import psutil


def pss_mb(processes: Iterable[psutil.Process]) -> float:
    """The memory of processes that share some of it, MB."""
    total = 0
    for process in processes:
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
        total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def tell(figure: str) -> None:
    """Shows a figure where pytest is run with `-s`."""
    sys.stdout.write(f"\n{figure}\n")
