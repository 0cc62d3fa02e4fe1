"""Replicas of the service that can be counted, limited and made more."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Protocol

from scale.failure import ScaleError

CGROUPS = (
    "cd /sys/fs/cgroup; echo usage_ns $(cat cpuacct/cpuacct.usage 2>/dev/null); "
    "cat cpu.stat cpu/cpu.stat memory.stat memory/memory.stat 2>/dev/null; true"
)
"""What the kernel tells a container of itself, in either version."""


class Replicas(Protocol):
    """What the proof needs of an orchestrator."""

    url: str
    title: str
    """Where they run, in words."""

    def limit(self, cores: float) -> None:
        """Lets each have so much of a core."""

    def free(self) -> None:
        """Takes the limit away: each may have what is free."""

    def scale_to(self, count: int) -> None:
        """Returns when exactly so many are ready."""

    def names(self) -> list[str]:
        """Those that are there."""

    def told(self, name: str) -> str:
        """What `CGROUPS` says in one of them."""

    def restore(self) -> None:
        """Takes back whatever the proof changed."""


def throttled(told: str) -> int:
    """How often the kernel has stopped a container for its quota."""
    return max(map(int, re.findall(r"^nr_throttled (\d+)$", told, re.MULTILINE)), default=0)


def cpu_seconds(told: str) -> float:
    """The processor time of a container since its start."""
    found = re.findall(r"^(usage_ns|usage_usec) (\d+)$", told, re.MULTILINE)
    return max((int(n) / (1e9 if unit == "usage_ns" else 1e6) for unit, n in found), default=0.0)


def memory_mb(told: str) -> float:
    """The memory of a container's own, without what is only a copy of files."""
    found = re.findall(r"^(?:anon|total_rss) (\d+)$", told, re.MULTILINE)
    return max(map(int, found), default=0) / 1e6


def wait_for(what: str, holds: Callable[[], bool], seconds: float = 300) -> None:
    """Returns when something holds; `ScaleError` where it does not in that time."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise ScaleError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.5)
