"""The audit log: one JSON line for every change of what serves. It is only ever appended to."""

from __future__ import annotations

import contextlib
import getpass
import os
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import orjson

from vigie.errors import ConfigurationError


def who_am_i() -> str:
    """The account that runs this, as user@host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # a container may run under a number that has no name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@contextlib.contextmanager
def audited(path: Path) -> Iterator[Callable[[dict[str, object]], None]]:
    """Gives a function that appends a line; nothing is changed where the log cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    except OSError as failure:
        raise ConfigurationError(
            f"the audit log cannot be written ({failure.strerror}); see VIGIE_AUDIT_LOG"
        ) from None

    def write(entry: dict[str, object]) -> None:
        # one write call: lines of several processes do not mix
        os.write(descriptor, orjson.dumps(entry) + b"\n")
        os.fsync(descriptor)

    try:
        yield write
    finally:
        os.close(descriptor)
