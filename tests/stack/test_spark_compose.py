"""Spark's standalone cluster on a real engine: a master and two workers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest

from support.compose import ROOT, Stack, require_engine
from support.spark_runs import (
    MODEL,
    OWNER,
    PHOTOS_FOLDER,
    RUN_SECONDS,
    SOME_FAILED,
    assert_same,
    features_of,
    run_on_one_machine,
    write_data,
)
from support.waiting import wait_until

INPUT = ("features", f"/data/{MODEL}", "--input", f"/data/{PHOTOS_FOLDER}")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_engine()
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def cluster(data: Path) -> Iterator[Stack]:
    user = f"{OWNER}:{OWNER}"
    made = Stack({"VIGIE_SPARK_DATA": str(data), "VIGIE_SPARK_USER": user})
    made.environment["COMPOSE_PROFILES"] = "spark"
    made.build("secrets", "spark-master")
    try:
        _start(made)
        yield made
    finally:
        made.down()


@pytest.fixture(scope="module")
def alone(cluster: Stack, data: Path) -> dict[str, np.ndarray]:
    return run_on_one_machine(data)


def _start(cluster: Stack) -> None:
    cluster.compose("up", "--detach", "--wait", "spark-master", "spark-worker")


def _run(cluster: Stack, output: str, *words: str) -> subprocess.CompletedProcess[str]:
    chosen = (*words, "spark", *INPUT, "--output", f"/data/{output}")
    return cluster.compose("run", "--rm", "-T", *chosen, check=False, seconds=RUN_SECONDS)


def test_two_workers_answer_as_one_machine(
    cluster: Stack, data: Path, alone: dict[str, np.ndarray]
) -> None:
    done = _run(cluster, "two")
    assert done.returncode == SOME_FAILED, done.stderr
    assert_same(features_of(data / "two"), alone)
    assert {path.stat().st_uid for path in (data / "two").rglob("*")} == {OWNER}
    with urlopen(f"http://127.0.0.1:{cluster.environment['SPARK_PORT']}/json/", timeout=20) as page:
        told = json.load(page)
    assert [one["state"] for one in told["workers"]] == ["ALIVE", "ALIVE"]
    assert [one["cores"] for one in told["completedapps"]] == [2]


def test_a_worker_that_is_killed_in_the_middle(
    cluster: Stack, data: Path, alone: dict[str, np.ndarray]
) -> None:
    output = data / "killed"
    words = ("run", "--rm", "-T", "spark", *INPUT, "--output", "/data/killed")
    with subprocess.Popen(
        ["docker", "compose", *words], cwd=ROOT, env=cluster.environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as run:  # fmt: skip
        wait_until(lambda: run.poll() is not None or _begun(output), RUN_SECONDS)
        assert not _finished(output)
        victim = cluster.containers("spark-worker")[0]
        subprocess.run(["docker", "kill", victim], check=True, capture_output=True)
        assert not _finished(output)
        told, _ = run.communicate(timeout=RUN_SECONDS)
    assert run.returncode == SOME_FAILED, told
    assert not cluster.inspect(victim)["State"]["Running"]
    assert_same(features_of(output), alone)
    _start(cluster)
    assert cluster.inspect(victim)["State"]["Running"]


def _begun(output: Path) -> bool:
    return any(output.glob("_parts/*/part-*"))


def _finished(output: Path) -> bool:
    return any(output.glob("_parts/*/_SUCCESS"))


def test_who_has_no_secret_of_the_stack_gets_nothing(cluster: Stack, data: Path) -> None:
    done = _run(cluster, "stranger", "-e", "SPARK_CONF_DIR=/tmp")
    assert done.returncode not in {0, SOME_FAILED}
    assert not (data / "stranger" / "features").exists()


def test_the_secret_shows_nowhere(cluster: Stack) -> None:
    read = ("--entrypoint", "cat", "secrets", "/secrets/made/spark")
    secret = cluster.compose("run", "--rm", "--no-deps", "-T", *read).stdout.strip()
    assert len(secret) > 40
    assert secret not in cluster.compose("logs").stdout
    assert secret not in cluster.compose("top").stdout
    for service in ("spark-master", "spark-worker"):
        for container in cluster.containers(service):
            assert secret not in str(cluster.inspect(container))


def test_who_reaches_whom(cluster: Stack) -> None:
    assert cluster.reaches("spark-worker", "spark-cluster", 7077)
    assert not cluster.reaches("spark-worker", "192.0.2.1", 443)
