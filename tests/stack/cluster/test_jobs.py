"""What runs and ends on the cluster: retraining by the clock, a table when somebody asks."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest

from support.kubernetes import kubectl
from support.kubernetes_stack import IN_HERE, await_end
from support.manifests import FOLDER
from support.worker import FLOWER

ROWS = 50


def ran(name: str, job: str) -> str:
    """What a job of a CronJob said, which was started now and ended well."""
    kubectl("create", "job", *IN_HERE, name, f"--from=cronjob/{job}")
    try:
        await_end(name)
        return kubectl("logs", *IN_HERE, f"job/{name}", "--container", job).stdout
    finally:
        kubectl("delete", *IN_HERE, "job", name, "--ignore-not-found")


@pytest.fixture
def volume(cluster: float) -> Iterator[None]:
    """The pod that brings files to the claim of batch runs."""
    copy = str(FOLDER / "components" / "batch" / "copy.yaml")
    kubectl("apply", "--filename", copy)
    kubectl("wait", *IN_HERE, "--for=condition=Ready", "pod/copy", "--timeout=120s", seconds=130)
    yield
    kubectl("delete", "--filename", copy, "--ignore-not-found")


def test_retraining_asks_prometheus_and_mlflow_and_finds_nothing_to_do(cluster: float) -> None:
    said = ran("retraining-now", "retraining")
    assert "drift: not due" in said
    assert "schedule: not due" in said


@pytest.mark.usefixtures("volume")
def test_a_table_is_answered_by_the_champion_that_serves() -> None:
    in_copy = ("exec", *IN_HERE, "--stdin", "copy", "--", "sh", "-c")
    lines = [",".join(FLOWER), *[",".join(str(value) for value in FLOWER.values())] * ROWS]
    kubectl(*in_copy, "cat > /data/input.csv", given="\n".join(lines) + "\n")
    ran("batch-now", "batch")
    answers = list(csv.DictReader(io.StringIO(kubectl(*in_copy, "cat /data/output.csv").stdout)))
    assert len(answers) == ROWS
    assert {"setosa", "versicolor", "virginica"} & set(answers[0].values())
