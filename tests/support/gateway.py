"""The gateway of the stack in front of one replica, with a tap on what it forwards."""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import requests

from support import wire_tap
from support.compose import IMAGES, ROOT, Stack, require_engine
from support.ports import free_port
from support.waiting import wait_until
from support.wire import read_to_end

PROBE = b"GET /readyz HTTP/1."
"""What the gateway itself asks, twice a second."""
_SERVICE = (
    "--no-healthcheck", "--read-only", "--tmpfs", "/tmp", "--tmpfs", "/var/lib/vigie:mode=1777",
    "--env", "VIGIE_MODELS=housing,iris", "--env", "VIGIE_PREDICTION_LOG=off",
    "--env", "VIGIE_WORKERS=1",
)  # fmt: skip


class Forwarded(NamedTuple):
    """What the gateway sent on one connection to the service, and what it was answered."""

    sent: bytes
    said: bytes


class Gateway:
    """It listens on `port` of this computer."""

    def __init__(self, name: str) -> None:
        self.port = free_port()
        self._name = name

    def container(self, role: str, *words: str | Path) -> None:
        """Starts a container of the network."""
        name = f"{self._name}-{role}"
        _docker("run", "--detach", "--name", name, "--network", self._name, *words)

    def wait_ready(self) -> None:
        """Returns once the gateway has found the service."""
        wait_until(self._is_ready)

    def _is_ready(self) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/readyz", timeout=5).ok
        except requests.RequestException:
            return False

    def forwarded(self) -> list[Forwarded]:
        """What is new between gateway and service, the gateway's own questions left out."""
        address = self._address("ml-app")
        with socket.create_connection((address, wire_tap.TOLD_PORT), 10) as asked:
            told = json.loads(read_to_end(asked))
        found = [[part.encode("latin-1") for part in one] for one in told]
        # its answer may be told later than a question
        return [Forwarded(*rest) for began, *rest in found if not began.startswith(PROBE)]

    def log(self) -> list[dict[str, Any]]:
        """A line for each request that the gateway saw."""
        lines = _docker("logs", f"{self._name}-gateway").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def service_log(self) -> str:
        """What the service wrote."""
        return _docker("logs", f"{self._name}-service")

    def reload(self) -> None:
        """Makes it read its configuration anew."""
        _docker("exec", f"{self._name}-gateway", "/etc/haproxy/reload")

    def workers(self) -> str:
        """The processes of the service, by the engine's table."""
        return _docker("top", f"{self._name}-service", "-eo", "pid,ppid")

    def _address(self, role: str) -> str:
        what = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        return _docker("inspect", "--format", what, f"{self._name}-{role}").strip()


@contextmanager
def gateway(cache: Path) -> Iterator[Gateway]:
    """The gateway, ready, of a service with this cache; all gone at the end."""
    require_engine()
    Stack().build("secrets")
    name = f"vigie-test-{secrets.token_hex(4)}"
    made = Gateway(name)
    _docker("network", "create", name)
    try:
        made.container(
            "service", "--network-alias", "service", "--volume", f"{cache}:/var/cache/vigie:ro",
            *_SERVICE, IMAGES["VIGIE_IMAGE"], "serve",
        )  # fmt: skip
        made.container(
            "ml-app", "--network-alias", "ml-app",
            "--volume", f"{wire_tap.__file__}:/wire_tap.py:ro",
            "python:3.13-slim", "python", "/wire_tap.py", "service", "5000",
        )  # fmt: skip
        made.container(
            "gateway", "--publish", f"127.0.0.1:{made.port}:5000",
            "--env", "VIGIE_REQUESTS_PER_MINUTE=1000000",
            "--tmpfs", "/tmp", "--volume", f"{ROOT}/gateway:/etc/haproxy:ro",
            "haproxy:3.2.26", "haproxy", "-W", "-db", "-f", "/etc/haproxy/haproxy.cfg",
        )  # fmt: skip
        made.wait_ready()
        yield made
    finally:
        for role in ("gateway", "ml-app", "service"):
            _docker("rm", "--force", "--volumes", f"{name}-{role}", check=False)
        _docker("network", "rm", name, check=False)


def _docker(*words: str | Path, check: bool = True) -> str:
    done = subprocess.run(
        ["docker", *words], capture_output=True, text=True, check=False, timeout=120
    )
    if check:
        assert done.returncode == 0, f"docker {words}: {done.stderr}"
    return done.stdout + done.stderr
