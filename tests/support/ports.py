"""Ports for servers that tests start, each of one test alone."""

from __future__ import annotations

import contextlib
import random
import socket
from collections import deque

# below those that systems give to clients, which would take one while its server is away
_PORTS = range(20_000, 32_000)
_MOST_HELD = 200

_chance = random.SystemRandom()
_held: deque[socket.socket] = deque()


def free_port() -> int:
    """A port that nothing listens on, and that no other run of the tests is given meanwhile.

    A datagram socket on the same number says that it is taken. It goes with the process, or with
    the 200th port after it.
    """
    for port in _chance.sample(_PORTS, 1000):
        claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with contextlib.suppress(OSError), socket.socket() as probe:
            claim.bind(("127.0.0.1", port))
            probe.bind(("127.0.0.1", port))
            _held.append(claim)
            if len(_held) > _MOST_HELD:
                _held.popleft().close()
            return port
        claim.close()
    raise RuntimeError("every port is taken")


def free_ports(number: int) -> list[int]:
    """As many such ports."""
    return [free_port() for _ in range(number)]
