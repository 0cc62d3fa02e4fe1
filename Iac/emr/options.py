"""What is asked for, checked before anything is made."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass


class Refused(Exception):
    """Something cannot be done; the text says what and what helps."""


@dataclass(frozen=True)
class Machine:
    """An instance type: its cores, and the MiB that YARN gives away on it."""

    cores: int
    yarn_mib: int


MACHINES = {
    "m5.xlarge": Machine(4, 12288),
    "m5.2xlarge": Machine(8, 24576),
    "m5.4xlarge": Machine(16, 57344),
}


@dataclass(frozen=True)
class Step:
    """What the step runs: `vigie spark features MODEL --input … --output …`."""

    model: str
    source: str
    target: str
    components: int | None = None


@dataclass(frozen=True)
class Options:
    """Of one cluster and what belongs to it.

    Attributes:
        name: First part of every name.
        subnet: In which the machines are; its VPC gets the security groups.
        release: Of EMR.
        worker: Instance type of the workers, of `MACHINES`.
        workers: How many.
        idle_minutes: After so long without work the cluster ends.
        budget: US dollars a month at which the alarm is.
        email: Who is told of the budget.
        key: Name of an EC2 key pair, for a tunnel over SSH; without it, Session Manager.
        ssh_from: The range that may use SSH.
        keep: Stay for notebooks after the step, until idle.
        step: What to run; None: nothing, the cluster stays until idle.
    """

    name: str = "vigie"
    region: str = "eu-west-1"
    subnet: str = ""
    release: str = "emr-7.12.0"
    worker: str = "m5.2xlarge"
    workers: int = 2
    idle_minutes: int = 60
    budget: int = 100
    email: str = ""
    key: str = ""
    ssh_from: str = ""
    keep: bool = False
    step: Step | None = None

    def __post_init__(self) -> None:
        _check(
            re.fullmatch(r"[a-z][a-z0-9-]{1,11}[a-z0-9]", self.name),
            "--name has 3 to 13 lower-case letters, digits and hyphens and starts with a letter",
        )
        _check(
            re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", self.region), "--region is one such as eu-west-1"
        )
        _check(
            not self.subnet or re.fullmatch(r"subnet-[0-9a-f]+", self.subnet),
            "--subnet is an id such as subnet-0a1b2c3d",
        )
        _check(
            re.fullmatch(r"emr-7\.([1-9]|1\d)\.\d", self.release),
            "--release is one from emr-7.1.0: earlier ones have no Python 3.11, later ones no "
            "JupyterHub",
        )
        _check(self.worker in MACHINES, f"--worker is one of {', '.join(MACHINES)}")
        _check(1 <= self.workers <= 100, "--workers is a number from 1 to 100")
        _check(5 <= self.idle_minutes <= 1440, "--idle-minutes is a number from 5 to 1440")
        _check(self.budget >= 1, "--budget is a number of dollars from 1")
        _check(
            re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", self.email) or not self.email,
            "--email is an e-mail address",
        )
        _check(bool(self.key) == bool(self.ssh_from), "--key and --ssh-from go together")
        _check(not self.ssh_from or _is_narrow(self.ssh_from), "--ssh-from is a range from /16 on")

    @property
    def prefix(self) -> str:
        """Of every name."""
        return f"{self.name}-emr"


def _check(holds: object, otherwise: str) -> None:
    if not holds:
        raise Refused(otherwise)


def _is_narrow(text: str) -> bool:
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        return False
    return network.version == 4 and network.prefixlen >= 16
