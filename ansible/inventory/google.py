#!/usr/bin/env python3
"""Ansible's inventory from Terraform: the machine of `Iac/`, reached by SSH through Google's IAP.

The account is that of OS Login; VIGIE_SSH_USER names another.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

TERRAFORM = Path(__file__).resolve().parents[2] / "Iac"
NEEDED = ("project", "zone", "machine")
KEY = Path("~/.ssh/google_compute_engine")
SECONDS = 120


class CannotSay(Exception):
    """The machine is not known; the text says what to do."""


def _run(command: list[str], remedy: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired as error:
        raise CannotSay(f"{command[0]} did not answer within {SECONDS} s; {remedy}") from error
    if done.returncode:
        raise CannotSay(remedy)
    return done.stdout


def read_outputs() -> dict[str, Any]:
    """The outputs of Terraform by name.

    Raises:
        CannotSay: Terraform, its state or an output is missing.
    """
    if shutil.which("terraform") is None:
        raise CannotSay(
            "terraform is not installed; for a machine that is there already: docs/deploy.md"
        )
    text = _run(
        ["terraform", f"-chdir={TERRAFORM}", "output", "-json"],
        "Terraform's state cannot be read; run: terraform -chdir=Iac init",
    )
    found = {name: one["value"] for name, one in json.loads(text).items()}
    missing = [name for name in NEEDED if not found.get(name)]
    if missing:
        raise CannotSay(
            f"Terraform's state has no {', '.join(missing)}; run: terraform -chdir=Iac apply"
        )
    return found


def find_account() -> str:
    """The name under which Google's OS Login lets the caller in.

    Raises:
        CannotSay: nobody is signed in.
    """
    named = os.environ.get("VIGIE_SSH_USER")
    if named:
        return named
    command = "gcloud compute os-login describe-profile --format=value(posixAccounts[0].username)"
    account = _run(command.split(), "gcloud knows no account; run: gcloud auth login").strip()
    if not account:
        raise CannotSay(
            "this account has no SSH key at OS Login; "
            "run: gcloud compute os-login ssh-keys add --key-file ~/.ssh/id_ed25519.pub"
        )
    return account


def describe(outputs: dict[str, Any]) -> dict[str, Any]:
    """What Ansible needs to know of the machine.

    Raises:
        CannotSay: gcloud is missing, or nobody is signed in.
    """
    if shutil.which("gcloud") is None:
        raise CannotSay(
            "gcloud is not installed, and SSH goes through it; see https://cloud.google.com/sdk/docs/install"
        )
    project, zone, machine = (str(outputs[name]) for name in NEEDED)
    tunnel = shlex.join(
        ["gcloud", "compute", "start-iap-tunnel", machine, "%p", "--listen-on-stdin",
         f"--project={project}", f"--zone={zone}", "--verbosity=error"]
    )  # fmt: skip
    options = {
        "ProxyCommand": tunnel,
        "HostKeyAlias": f"{machine}.{zone}.{project}",
        # the tunnel has asked Google who the machine is
        "StrictHostKeyChecking": "accept-new",
    }
    known: dict[str, Any] = {
        "ansible_host": machine,
        "ansible_user": find_account(),
        "ansible_ssh_common_args": " ".join(
            f"-o {shlex.quote(f'{name}={value}')}" for name, value in options.items()
        ),
    }
    if KEY.expanduser().exists():
        known["ansible_ssh_private_key_file"] = str(KEY.expanduser())
    if outputs.get("data_device"):
        known["disk_device"] = outputs["data_device"]
    for name in ("domain", "bucket", "registry"):
        if outputs.get(name):
            known[f"vigie_{name}"] = outputs[name]
    return known


def main() -> int:
    """Prints the inventory as Ansible wants it."""
    try:
        outputs = read_outputs()
        machine = str(outputs["machine"])
        hostvars = {machine: describe(outputs)}
    except CannotSay as reason:
        sys.stderr.write(f"vigie: {reason}\n")
        return 1
    sys.stdout.write(
        json.dumps({"vigie": {"hosts": [machine]}, "_meta": {"hostvars": hostvars}}) + "\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
