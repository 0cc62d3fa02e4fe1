"""How many wrong keys an address may try a minute, in one worker."""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from vigie.errors import TooManyTries

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_FAILED = 10
"""The gateway holds an address to as many over all workers."""
SECONDS = 60.0
_MOST_ADDRESSES = 10_000
_NETWORK_BITS = 64
"""Of an IPv6 address: who has one has all of its network."""


def caller_of(headers: Mapping[bytes, bytes], peer: str) -> str:
    """The address that failed logins are counted under.

    A proxy in front tells it; only a peer within the same network is taken for one.
    """
    told = headers.get(b"x-forwarded-for", b"").rpartition(b",")[2].strip().decode("latin-1")
    if told and _is_near(peer):
        return _network_of(told)
    return _network_of(peer)


class LoginLimit:
    """Counts the failed logins of the last minute by address; for the threads of a worker."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()

    def require_room(self, address: str) -> None:
        """Raises `TooManyTries` for an address that has failed too often."""
        with self._lock:
            times = self._failed.get(address)
            if times is None or len(times) < MOST_FAILED:
                return
            left = times[0] + SECONDS - self._clock()
        if left > 0:
            raise TooManyTries(
                "Too many keys from this address were wrong; try again later.", math.ceil(left)
            )

    def note_failure(self, address: str) -> bool:
        """Counts one; whether it was the last that the address may make now."""
        now = self._clock()
        with self._lock:
            times = self._failed.setdefault(address, deque(maxlen=MOST_FAILED))
            times.append(now)
            self._failed.move_to_end(address)
            if len(self._failed) > _MOST_ADDRESSES:
                self._failed.popitem(last=False)
            return len(times) == MOST_FAILED and now - times[0] < SECONDS


def _is_near(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer).is_private
    except ValueError:
        # a socket of the file system
        return True


def _network_of(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found), _NETWORK_BITS), strict=False))
