"""Leaves this process only the files that it needs, where the Linux kernel has Landlock."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_READ = 0b1100
"""Reads files and lists folders."""
_WRITE = 0x1FF2
"""Writes, removes and makes files of every kind."""
_MOVE, _TRUNCATE, _FILE_ONLY = 1 << 13, 1 << 14, 0x4006
_PATH_BENEATH = 1
_WITH_MOVE, _WITH_TRUNCATE = 2, 3
"""The versions of Landlock that know these; a move between folders is else always refused."""


def keep_files(readable: Iterable[Path], writable: Iterable[Path]) -> bool:
    """Takes all other files away from this thread and those it starts; False without Landlock."""
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return False
    everything = _READ | _WRITE
    everything |= _MOVE if version >= _WITH_MOVE else 0
    everything |= _TRUNCATE if version >= _WITH_TRUNCATE else 0
    rules = libc.syscall(_CREATE, struct.pack("Q", everything), ctypes.c_size_t(8), 0)
    if rules < 0:
        return False
    try:
        for path in readable:
            _allow(libc, rules, path, _READ)
        for path in writable:
            _allow(libc, rules, path, everything)
        return bool(libc.syscall(_RESTRICT, rules, 0) == 0)
    finally:
        os.close(rules)


def _allow(libc: ctypes.CDLL, rules: int, path: Path, access: int) -> None:
    try:
        # O_PATH: names a file without opening it
        place = os.open(path, getattr(os, "O_PATH", 0) | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not path.is_dir():
            access &= _FILE_ONLY
        rule = struct.pack("=Qi", access, place)
        libc.syscall(_ADD, rules, _PATH_BENEATH, rule, 0)
    finally:
        os.close(place)
