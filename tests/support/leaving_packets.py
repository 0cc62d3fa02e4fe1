"""A network of its own for the processes of a test, whose one way out is read and leads nowhere."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import ipaddress
import os
import re
import select
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

MISSING = "a network of its own needs root, the program ip and /dev/net/tun"
_TUN = Path("/dev/net/tun")
_CLONE_NEWNET = 0x40000000
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_NAME_PORT = 53
_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp"}
"""All else is the kernel's own: it makes itself known to neighbours."""
_SET_UP = (
    "link set lo up", "link set out up", "addr add 192.0.2.2/24 dev out",
    "-6 addr add 2001:db8::2/64 dev out nodad", "route add default via 192.0.2.1 dev out",
    "-6 route add default via 2001:db8::1 dev out",
)  # fmt: skip


@dataclass(frozen=True)
class Packet:
    """What would have left: the protocol, the address and port it was for, and the words in it."""

    protocol: str
    address: str
    port: int
    words: str


@dataclass
class Leaving:
    """The packets that would have left so far."""

    packets: list[Packet] = field(default_factory=list)

    def read(self, packet: bytes) -> None:
        """Takes an IP packet; what the kernel sends by itself is left out."""
        if packet[0] >> 4 == 4:
            kind, start = packet[9], 4 * (packet[0] & 15)
            address = str(ipaddress.IPv4Address(packet[16:20]))
        else:
            kind, start = packet[6], 40
            address = str(ipaddress.IPv6Address(packet[24:40]))
        if kind in _PROTOCOLS:
            (port,) = struct.unpack_from("!H", packet, start + 2)
            self.packets.append(
                Packet(_PROTOCOLS[kind], address, port, _words(packet[start + 8 :]))
            )

    def read_question(self, question: bytes) -> None:
        """Takes what was asked of a name server on this very machine, which would pass it on."""
        self.packets.append(Packet("udp", "127.0.0.1", _NAME_PORT, _words(question)))


def _words(content: bytes) -> str:
    return " ".join(part.decode() for part in re.findall(rb"[A-Za-z0-9._-]{3,}", content))


@contextlib.contextmanager
def watched_network() -> Iterator[Leaving]:
    """Gives the thread of the caller, and the processes that it starts, such a network.

    They reach each other by 127.0.0.1. The test is skipped where there can be none.
    """
    if os.geteuid() != 0 or shutil.which("ip") is None or not _TUN.exists():
        pytest.skip(MISSING)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        os.close(before)
        pytest.skip(MISSING)
    stop = threading.Event()
    try:
        leaving, tun = Leaving(), _open_way_out()
        names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        names.bind(("", _NAME_PORT))
        reader = threading.Thread(target=_read, args=(leaving, tun, names, stop))
        reader.start()
        try:
            yield leaving
        finally:
            stop.set()
            reader.join()
            names.close()
            os.close(tun)
    finally:
        assert libc.setns(before, _CLONE_NEWNET) == 0
        os.close(before)


def _open_way_out() -> int:
    tun = os.open(_TUN, os.O_RDWR)
    fcntl.ioctl(tun, _TUNSETIFF, struct.pack("16sH14x", b"out", _IFF_TUN | _IFF_NO_PI))
    for words in _SET_UP:
        subprocess.run(["ip", *words.split()], check=True)
    return tun


def _read(leaving: Leaving, tun: int, names: socket.socket, stop: threading.Event) -> None:
    while not stop.is_set():
        ready, _, _ = select.select([tun, names.fileno()], [], [], 0.2)
        if tun in ready:
            leaving.read(os.read(tun, 65536))
        if names.fileno() in ready:
            leaving.read_question(names.recv(65536))
