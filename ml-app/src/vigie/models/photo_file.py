"""The bytes of a photo's file, or why there are none: nothing is opened that is no plain file."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from vigie.models.photo import BrokenPhoto

MOST_BYTES = 200_000_000
"""Of a photo's file: twice the pixels that are taken, uncompressed."""
_KINDS = {
    stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
}  # fmt: skip
_FAULTS = {
    errno.ENOENT: "there is no such file, or it is gone",
    errno.ENOTDIR: "there is no such file, or it is gone",
    errno.EACCES: "there is no right to read it",
    errno.EPERM: "there is no right to read it",
    errno.ELOOP: "a link that leads in a circle",
    errno.ENAMETOOLONG: "its name is too long",
}
_OF_THE_MACHINE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


class UnreadablePhoto(BrokenPhoto):
    """A file that its place does not give: gone, without a right, a disk or a server that fails.

    Of the photo itself this says nothing: another time it may be read.
    """


def read_photo_file(path: Path) -> bytes:
    """The bytes of the file; `BrokenPhoto` where it is none or too large.

    `UnreadablePhoto`, which is one too, where it is the place of the file that does not give it.
    Never waits: pipes and devices are not opened. Raises `OSError` where it is the machine that has
    no more files or memory.
    """
    try:
        # before it is opened: opening alone makes some devices act
        _check(path.stat())
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        with open(descriptor, "rb") as file:  # noqa: PTH123
            # another file may have taken its place meanwhile
            _check(os.fstat(descriptor))
            return file.read(MOST_BYTES)
    except ValueError:
        raise BrokenPhoto("no name of a file") from None
    except OSError as failure:
        if failure.errno in _OF_THE_MACHINE:
            raise
        fault = _FAULTS.get(failure.errno or 0, f"it cannot be read ({failure.strerror})")
        raise UnreadablePhoto(fault) from None


def _check(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise BrokenPhoto(f"{_KINDS.get(stat.S_IFMT(found.st_mode), 'something else')}, no file")
    if found.st_size > MOST_BYTES:
        raise BrokenPhoto(too_large())


def too_large() -> str:
    """What is said of a file of more than `MOST_BYTES`."""
    return f"a file of more than {MOST_BYTES // 1_000_000} MB"
