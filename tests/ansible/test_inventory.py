"""The inventory from Terraform: the right machine, or one sentence that says what to do."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.compose import ROOT

SCRIPT = ROOT / "ansible" / "inventory" / "google.py"
OUTPUTS = {
    "project": "acme-ml", "zone": "europe-west9-a", "machine": "vigie", "bucket": "acme-ml-vigie",
    "registry": "europe-west9-docker.pkg.dev/acme-ml/vigie", "address": "192.0.2.7",
    "domain": "vigie.example.org", "data_device": "/dev/disk/by-id/google-data",
}  # fmt: skip

Plant = Callable[[str, str], None]


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder to be the whole PATH of the script; nothing is in it yet."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


@pytest.fixture
def plant(programs: Path) -> Plant:
    """Puts a program of a test's own into that folder."""

    def put(name: str, script: str) -> None:
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)

    return put


def run(programs: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, "--list"], capture_output=True, text=True, check=False,
        env={"PATH": str(programs), "HOME": str(programs.parent), **environment}, timeout=30,
    )  # fmt: skip


def refusal(programs: Path) -> str:
    done = run(programs)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("vigie: ")
    return line


def say(outputs: dict[str, Any]) -> str:
    text = json.dumps(
        {name: {"value": value, "sensitive": False} for name, value in outputs.items()}
    )
    return f"echo {shlex.quote(text)}"


def test_planted_outputs_give_the_machine(programs: Path, plant: Plant) -> None:
    called = programs.parent / "called"
    plant("terraform", f'echo "$@" > {called}\n{say(OUTPUTS)}')
    plant("gcloud", "echo jane_example_org")
    found = json.loads(run(programs).stdout)
    assert called.read_text().split() == [f"-chdir={ROOT / 'Iac'}", "output", "-json"]
    assert found["vigie"]["hosts"] == ["vigie"]
    machine = found["_meta"]["hostvars"]["vigie"]
    assert machine["ansible_user"] == "jane_example_org"
    assert machine["vigie_domain"] == "vigie.example.org"
    assert machine["vigie_bucket"] == "acme-ml-vigie"
    assert machine["disk_device"] == "/dev/disk/by-id/google-data"
    assert machine["vigie_registry"] == "europe-west9-docker.pkg.dev/acme-ml/vigie"
    options = shlex.split(machine["ansible_ssh_common_args"])
    (tunnel,) = [one for one in options if one.startswith("ProxyCommand=")]
    assert tunnel.removeprefix("ProxyCommand=").split() == [
        "gcloud", "compute", "start-iap-tunnel", "vigie", "%p", "--listen-on-stdin",
        "--project=acme-ml", "--zone=europe-west9-a", "--verbosity=error",
    ]  # fmt: skip
    assert "ansible_ssh_private_key_file" not in machine


def test_the_key_of_gcloud_is_used_where_there_is_one(programs: Path, plant: Plant) -> None:
    plant("terraform", say(OUTPUTS))
    plant("gcloud", "exit 1")
    key = programs.parent / ".ssh" / "google_compute_engine"
    key.parent.mkdir()
    key.touch()
    found = json.loads(run(programs, VIGIE_SSH_USER="jane").stdout)
    machine = found["_meta"]["hostvars"]["vigie"]
    assert machine["ansible_user"] == "jane"
    assert machine["ansible_ssh_private_key_file"] == str(key)


def test_no_domain_means_no_public_service(programs: Path, plant: Plant) -> None:
    plant("terraform", say({**OUTPUTS, "domain": None}))
    plant("gcloud", "echo jane")
    assert "vigie_domain" not in json.loads(run(programs).stdout)["_meta"]["hostvars"]["vigie"]


def test_no_terraform(programs: Path) -> None:
    assert "terraform is not installed" in refusal(programs)


def test_no_state(programs: Path, plant: Plant) -> None:
    plant("terraform", "echo 'Backend initialization required' >&2; exit 1")
    assert "run: terraform -chdir=Iac init" in refusal(programs)


@pytest.mark.parametrize("outputs", [{}, {"project": "acme-ml", "zone": "europe-west9-a"}])
def test_nothing_was_applied(programs: Path, plant: Plant, outputs: dict[str, str]) -> None:
    plant("terraform", say(outputs))
    assert "machine; run: terraform -chdir=Iac apply" in refusal(programs)


def test_no_gcloud(programs: Path, plant: Plant) -> None:
    plant("terraform", say(OUTPUTS))
    assert "gcloud is not installed" in refusal(programs)


def test_nobody_is_signed_in(programs: Path, plant: Plant) -> None:
    plant("terraform", say(OUTPUTS))
    plant("gcloud", "exit 1")
    assert "run: gcloud auth login" in refusal(programs)


def test_no_key_at_os_login(programs: Path, plant: Plant) -> None:
    plant("terraform", say(OUTPUTS))
    plant("gcloud", "echo")
    assert "os-login ssh-keys add" in refusal(programs)
