"""Files that are whole or not there, and locks between processes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_AS_UMASK_SAYS = 0o666
_LOOK_SECONDS = 0.02


@contextlib.contextmanager
def replacing(
    path: Path,
    *,
    durable: bool = False,
    mode: int | None = None,
    owner: tuple[int, int] | None = None,
) -> Iterator[BinaryIO]:
    """Gives a file beside `path` that takes its place at the end of the block.

    A reader sees the old file or the new one, never a part; where the block fails, or the process
    dies in it, the old one stays. `durable` brings the new one to the disk first, so that a power
    cut leaves one of the two as well. That takes milliseconds: too long for what is written every
    second, needless for what can be made again. `mode` is exact, whatever the umask; without it
    the umask decides. `owner` is user and group: root hands files to others. Raises `OSError`.
    """
    # a name of its own for each writer: processes of several containers share folders, not numbers
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(
        fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, _AS_UMASK_SAYS if mode is None else mode
    )
    try:
        with os.fdopen(descriptor, "w+b") as file:
            # before there is anything to read; the owner last, who alone may change the mode then
            if mode is not None:
                os.fchmod(descriptor, mode)
            if owner is not None:
                os.fchown(descriptor, *owner)
            yield file
            file.flush()
            if durable:
                os.fsync(descriptor)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    if durable:
        bring_to_disk(path.parent)


def write_atomically(
    path: Path,
    content: bytes,
    *,
    durable: bool = False,
    mode: int | None = None,
    owner: tuple[int, int] | None = None,
) -> None:
    """Writes a file whole or not at all; all else as in `replacing`."""
    with replacing(path, durable=durable, mode=mode, owner=owner) as file:
        file.write(content)


def link_atomically(path: Path, target: Path) -> None:
    """Makes `path` a symbolic link to `target`, on the disk too; one that is there is replaced."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    fresh.symlink_to(target)
    try:
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    bring_to_disk(path.parent)


def bring_to_disk(path: Path) -> None:
    """Returns once a file is on the disk, or the names in a folder are."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(path: Path, longest: float | None = None) -> Iterator[bool]:
    """Holds the lock of a file, made where it is missing, or of a folder.

    Waits for it, with `longest` for so many seconds at most; false where it was not to be had.
    Threads of one process hold each other up as processes do, and the system frees the lock of one
    that dies. Raises `OSError` where the file cannot be opened.
    """
    flags = os.O_RDONLY if path.is_dir() else os.O_WRONLY | os.O_CREAT
    descriptor = os.open(path, flags, _AS_UMASK_SAYS)
    try:
        yield _lock(descriptor, longest)
    finally:
        # which frees it
        os.close(descriptor)


def _lock(descriptor: int, longest: float | None) -> bool:
    if longest is None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return True
    deadline = time.monotonic() + longest
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_LOOK_SECONDS)
        else:
            return True
