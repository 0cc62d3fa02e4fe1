"""`make cloud-plan` and `make cloud-up` say what would stop Terraform halfway, and the remedy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.cloud_checkout import GCLOUD, TERRAFORM, Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    made.install("terraform", TERRAFORM)
    made.install("gcloud", GCLOUD)
    return made


MISSING = [
    (
        {"BILLING": "False"},
        "has no billing: gcloud billing projects link my-project-123 --billing-account ACCOUNT",
    ),
    (
        {"SERVICES": "compute"},
        "services enable cloudresourcemanager.googleapis.com serviceusage.googleapis.com --project",
    ),
    ({"GOOGLE_CLOUD_QUOTA_PROJECT": "other"}, "other: unset GOOGLE_CLOUD_QUOTA_PROJECT"),
    (
        {"CLOUDSDK_CONFIG": "gcloud"},
        "quota-project: gcloud auth application-default set-quota-project my-project-123",
    ),
    (
        {"ZONES": "europe-west1-c europe-west1-d"},
        'in the zone europe-west1-b, but in europe-west1-c europe-west1-d: zone = "europe-west1-c"',
    ),
    ({"ZONES": ""}, "There is no e2-standard-2 in the region europe-west1: gcloud compute"),
]


@pytest.mark.parametrize("command", ["plan", "up"])
@pytest.mark.parametrize(("state", "expected"), MISSING)
def test_what_is_missing_is_told_before_terraform_begins(
    machine: Machine, command: str, state: dict[str, str], expected: str
) -> None:
    login = machine.folder / "gcloud" / "application_default_credentials.json"
    login.parent.mkdir()
    login.write_text('{\n  "account": "",\n  "quota_project_id": "quota-project"\n}\n')
    state = {k: str(login.parent) if v == "gcloud" else v for k, v in state.items()}
    done = machine.run("cloud", command, PROJECT="my-project-123", **state)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert expected in line
    called = machine.called()
    assert not [line for line in called if re.match("terraform (plan|apply)", line)]


def test_everything_that_is_missing_is_told_at_once(machine: Machine) -> None:
    done = machine.run("cloud", "plan", PROJECT="my-project-123", BILLING="False", SERVICES="")
    assert done.returncode == 1
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["vigie", "vigie"]


def test_what_may_not_be_looked_at_is_left_to_terraform(machine: Machine) -> None:
    machine.install("gcloud", '#!/bin/bash\n[ "$1" = auth ]\n')
    done = machine.run("cloud", "plan", PROJECT="my-project-123")
    assert done.returncode == 0, done.stderr
    assert machine.called()[-1].startswith("terraform plan")


def test_down_needs_none_of_it(machine: Machine) -> None:
    done = machine.run("cloud", "down", PROJECT="my-project-123", BILLING="False", ZONES="")
    assert done.returncode == 0, done.stderr
