"""Ports for servers that tests start, each of one test alone."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import socket
import tempfile
from collections import deque
from pathlib import Path

# below those that systems give to clients, which would take one while its server is away
_PORTS = range(20_000, 32_000)
_MOST_HELD = 200

_chance = random.SystemRandom()
_held: deque[int] = deque()


def free_port() -> int:
    """A port that nothing listens on, and that no other run of the tests is given meanwhile.

    A locked file says that it is taken: until the process ends, or is given 200 others.
    """
    folder = Path(tempfile.gettempdir()) / f"vigie-test-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for port in _chance.sample(_PORTS, 1000):
        claim = os.open(folder / str(port), os.O_CREAT | os.O_RDWR)
        with contextlib.suppress(OSError):
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _require_silence(port)
            _held.append(claim)
            if len(_held) > _MOST_HELD:
                os.close(_held.popleft())
            return port
        os.close(claim)
    raise RuntimeError("every port is taken")


def _require_silence(port: int) -> None:
    """Raises `OSError` where something listens on it, by TCP or by UDP."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(type=kind) as probe:
            probe.bind(("127.0.0.1", port))


def free_ports(number: int) -> list[int]:
    """As many such ports."""
    return [free_port() for _ in range(number)]
