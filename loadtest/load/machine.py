"""The machine that asks, in words, for readers of figures."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

import psutil


def machine() -> str:
    """Cores, processor, memory and system of this machine."""
    memory = psutil.virtual_memory().total / 1e9
    system = f"{platform.system()} {platform.release().split('-')[0]}"
    return f"{_cores()} cores of {processor()}, {memory:.0f} GB, {system}"


def processor() -> str:
    """The model of the processor, as the system names it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE)
        if found:
            return found.group(1).strip()
    return platform.processor() or platform.machine()


def _cores() -> int:
    # not on macOS
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
