"""How many cores there are to use."""

from __future__ import annotations

import math
import os
from pathlib import Path

CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_cores() -> int:
    """The cores that this process may use, at least 1: also a container's share of them."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:
        cores = os.cpu_count() or 1
    try:
        quota, _, period = CPU_QUOTA.read_text().partition(" ")
        return max(min(cores, math.ceil(int(quota) / int(period))), 1)
    except (OSError, ValueError):
        # no container, no control groups of version 2, or no limit: "max"
        return cores
