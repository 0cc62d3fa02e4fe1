"""Ports that the service listens on."""

from __future__ import annotations

import errno
import socket

from vigie.errors import ConfigurationError


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
