"""How much memory the machine has, a container's share of it counted, and sentences on it."""

from __future__ import annotations

from pathlib import Path

from vigie.errors import BrokenPackage

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")
_NO_LIMIT = 2**60
"""Control groups of version 1 write a number near 2**63 where there is no limit."""


def usable_memory() -> int | None:
    """What this process and its children may take in all, bytes; `None` where nothing tells."""
    return _least(_meminfo("MemTotal"), _group_limit())


def free_memory() -> int | None:
    """What is left of it now, bytes; caches that give way count as free."""
    limit, left = _group_limit(), None
    if limit is not None:
        left = max(limit - _group_usage(), 0)
    return _least(_meminfo("MemAvailable"), left)


def require_memory(needed: int, what: str) -> None:
    """Refuses what takes more memory than is free now; `what` begins the sentence.

    `BrokenPackage`, as there may be more another time.
    """
    free = free_memory()
    if free is not None and needed > free:
        raise BrokenPackage(
            f"{what} takes about {in_gigabytes(needed)} of memory, and {in_gigabytes(free)} are "
            "free here"
        )


def in_gigabytes(count: int) -> str:
    """Bytes as people say them: `5.9 GB`."""
    return f"{count / 1e9:.2g} GB" if count < 9.95e9 else f"{count / 1e9:.0f} GB"


def _least(*figures: int | None) -> int | None:
    return min((figure for figure in figures if figure is not None), default=None)


def _meminfo(name: str) -> int | None:
    try:
        lines = MEMINFO.read_text().splitlines()
    except OSError:
        return None
    # "MemTotal:       24683432 kB"
    found = [line.split() for line in lines if line.startswith(f"{name}:")]
    return int(found[0][1]) * 1024 if found else None


def _group_limit() -> int | None:
    """The limit of the control group, by version 2 or 1."""
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        limit = _number(CGROUP / name)
        if limit is not None and limit < _NO_LIMIT:
            return limit
    return None


def _group_usage() -> int:
    """What the control group holds, without the files that its kernel would let go first."""
    for folder, name in ((CGROUP, "memory.current"), (CGROUP / "memory", "memory.usage_in_bytes")):
        used = _number(folder / name)
        if used is not None:
            return max(used - _inactive_files(folder / "memory.stat"), 0)
    return 0


def _inactive_files(path: Path) -> int:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    counts = dict(line.split(" ", 1) for line in lines if " " in line)
    return int(counts.get("total_inactive_file", counts.get("inactive_file", "0")))


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        # no control groups of this version, or no limit: "max"
        return None
