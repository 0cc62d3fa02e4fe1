"""How a process that was started as root becomes somebody else, for good."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from vigie.sandbox import seccomp

NOBODY_ELSE = 10001
"""User and group of the image, where a folder belongs to root."""
_DROP_FROM_BOUNDS = 24
_MOST_CAPABILITIES = 64
_EVERY_ID = ("0", "0", "4294967295")


def become_owner(folder: Path) -> None:
    """Takes user and group of `folder`, where this process is root; gives up every other right.

    A folder of root's makes it the image's own user. In a container whose root is no root outside
    (rootless engines), root is the caller: it stays so, without a right beyond his. Then nothing
    gives rights back: no capability is left, and no program can lend one. Started as somebody else,
    only that is done.
    """
    if os.getuid() == 0:
        found = folder.stat()
        _leave_no_bounds()
        if found.st_uid or _is_root_outside():
            group = found.st_gid or NOBODY_ELSE
            user = found.st_uid or NOBODY_ELSE
            os.setgroups([])
            os.setresgid(group, group, group)
            os.setresuid(user, user, user)
    if seccomp.is_supported():
        seccomp.drop_capabilities()


def _leave_no_bounds() -> None:
    """No program that is started later can have a capability. Not everybody may forbid it."""
    libc = ctypes.CDLL(None, use_errno=True)
    for number in range(_MOST_CAPABILITIES):
        libc.prctl(_DROP_FROM_BOUNDS, number, 0, 0, 0)


def _is_root_outside() -> bool:
    try:
        return tuple(Path("/proc/self/uid_map").read_text().split()) == _EVERY_ID
    except OSError:
        return True
