"""A machine to deploy to: a container with systemd, SSH and, later, an engine of its own."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.compose import IMAGES
from support.playbook import find_program, run_program

BASE = "debian:trixie-slim"
OTHERS = (
    "postgres:17", "haproxy:3.2.26", "prom/prometheus:v3.5.3", "prom/alertmanager:v0.33.1",
    "prom/node-exporter:v1.11.1",
)  # fmt: skip
IMAGE = "vigie-machine-host:test"
DISK = "/dev/disk/by-id/google-data"
START_SECONDS = 60
DEPLOY_SECONDS = 1800
ANY_HOST_KEY = ("-o StrictHostKeyChecking=no", "-o UserKnownHostsFile=/dev/null")

# a container shares the kernel: what is not of its own network is not set
_SYSCTL = {"net.ipv4.conf.all.accept_redirects": 0, "net.ipv4.tcp_syncookies": 1}


def docker(*words: str | Path, text: str | None = None, check: bool = True) -> str:
    """What the engine of this computer says."""
    done = subprocess.run(
        ["docker", *words], input=text, capture_output=True, text=True, check=False, timeout=900
    )
    if check:
        assert done.returncode == 0, f"docker {words}: {done.stderr}"
    return done.stdout


def save_images(target: Path) -> None:
    """Writes the images of the stack to an archive; skips where one is not here."""
    names = [*IMAGES.values(), *OTHERS]
    for name in (BASE, *names):
        if not docker("image", "ls", "--quiet", name):
            pytest.skip(f"the image {name} is not on this machine")
    docker("save", "--output", target, *names)


class Machine:
    """A running machine and the account on it that may use sudo."""

    def __init__(self, name: str, folder: Path, mounts: Mapping[Path, str], disk: str) -> None:
        self.name = name
        self.folder = folder
        self.variables: dict[str, Any] = {"hardening_sysctl": _SYSCTL}
        self.address = ""
        self._mounts = mounts
        self._disk = disk

    def create(self) -> None:
        """Starts it with a new system disk; its second disk stays as it is."""
        docker("rm", "--force", "--volumes", self.name, check=False)
        # systemd must be told that the first version of control groups is all there is
        old = docker("info", "--format", "{{.CgroupVersion}}").strip() == "1"
        words = ["systemd.unified_cgroup_hierarchy=0", "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"]
        docker(
            "run", "--detach", "--name", self.name, "--hostname", "machine", "--network", self.name,
            "--privileged", "--cgroupns=private", "--tmpfs", "/run", "--tmpfs", "/tmp:exec",
            *(f"--volume={path}:{where}:ro" for path, where in self._mounts.items()),
            IMAGE, *(words if old else ()),
        )  # fmt: skip
        public = (self.folder / "key.pub").read_text().strip()
        self.run(
            f"ssh-keygen -A > /dev/null; echo '{public}' > /home/operator/.ssh/authorized_keys;"
            "chown operator /home/operator/.ssh/authorized_keys"
        )
        self._await()

    def restart(self) -> None:
        """Restarts it, as a power cut would."""
        docker("kill", self.name)
        docker("start", self.name)
        self._await()

    def _await(self) -> None:
        if self._disk:
            # as Google's image names it
            self.run(f"mkdir -p /dev/disk/by-id; ln -sf {self._disk} {DISK}")
        address = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        self.address = docker("inspect", "--format", address, self.name).strip()
        _await_ssh(self.name)

    def run(self, command: str, *, check: bool = True) -> str:
        """What a shell of root says on the machine."""
        return docker("exec", self.name, "bash", "-euc", command, check=check)

    def inventory(self, **variables: Any) -> Path:
        """Ansible's inventory of this machine, `variables` on top of its own."""
        known = {
            "ansible_host": self.address,
            "ansible_user": "operator",
            "ansible_ssh_private_key_file": str(self.folder / "key"),
            "ansible_ssh_common_args": " ".join(ANY_HOST_KEY),
            **self.variables,
            **variables,
        }
        inventory = self.folder / "hosts.json"
        inventory.write_text(json.dumps({"vigie": {"hosts": {"machine": known}}}))
        return inventory

    def play(
        self, *words: str, book: str = "site.yml", **variables: Any
    ) -> subprocess.CompletedProcess[str]:
        """Runs the playbook on this machine, `variables` on top of its own."""
        inventory = self.inventory(**variables)
        return run_program(
            "ansible-playbook", "--inventory", inventory, *words, book, seconds=DEPLOY_SECONDS
        )

    def deploy(self, *words: str, **variables: Any) -> str:
        """Runs the playbook, which must not fail, and gives its words."""
        done = self.play(*words, **variables)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr
        return done.stdout


def count(words: str, what: str) -> int:
    """A figure of the last line of a play: ok, changed, failed …"""
    found = re.search(rf"^machine\s.*\b{what}=(\d+)", words, re.MULTILINE)
    assert found is not None, words
    return int(found.group(1))


def _await_ssh(name: str) -> None:
    ask = "exec 3<>/dev/tcp/127.0.0.1/22 && read -rt 2 line <&3 && [[ $line == SSH* ]]"
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if docker("exec", name, "bash", "-c", f"{ask} && echo up", check=False):
            return
        time.sleep(0.5)
    raise AssertionError(f"no SSH after {START_SECONDS} s: {docker('logs', name)}")


@contextmanager
def machine(
    folder: Path, mounts: Mapping[Path, str] | None = None, disk: str = ""
) -> Iterator[Machine]:
    """A fresh machine, gone at the end; `mounts` are read-only, `disk` is its second disk."""
    find_program("ansible-playbook")
    name = f"vigie-machine-{secrets.token_hex(4)}"
    dockerfile = Path(__file__).parents[1] / "drills" / "machine.Dockerfile"
    docker("build", "--quiet", "--tag", IMAGE, "-", text=dockerfile.read_text())
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key"],
        check=True,
        timeout=30,
    )
    docker("network", "create", name)
    made = Machine(name, folder, mounts or {}, disk)
    try:
        made.create()
        yield made
    finally:
        docker("rm", "--force", "--volumes", name, check=False)
        docker("network", "rm", name, check=False)
