"""Ports that the service listens on, and the sockets behind them."""

from __future__ import annotations

import errno
import socket
import struct

from vigie.errors import ConfigurationError

UNSENT_BYTES = 65536
MOST_CONNECTIONS = 1000


def affordable_connections() -> int:
    """1000, or fewer where this process may open fewer files: a fifth of them is for the rest."""
    try:
        import resource
    except ImportError:
        return MOST_CONNECTIONS
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return min(MOST_CONNECTIONS, max(16, files * 4 // 5))


def require_free_port(host: str, port: int, setting: str) -> None:
    """Raises `ConfigurationError` where the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as failure:
            if failure.errno == errno.EADDRINUSE:
                raise ConfigurationError(
                    f"Port {port} is taken; set {setting} to a free one"
                ) from None
            raise ConfigurationError(
                f"The service cannot listen on {host}:{port} ({failure.strerror})"
            ) from None


def keep_little_unsent(listener: socket.socket) -> None:
    """Has the system keep little of what a caller does not take; connections inherit it.

    Else a caller who reads nothing would fill megabytes of its memory, and be seen by nobody.
    """
    option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    if option is not None and listener.family != socket.AF_UNIX:
        listener.setsockopt(socket.IPPROTO_TCP, option, UNSENT_BYTES)


def close_by_reset(connection: socket.socket) -> None:
    """Makes the close a reset: else the system keeps what the caller does not take for minutes."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
