"""Spark on a real Kubernetes cluster: a driver and two executors, as `k8s/spark` makes them."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from support.compose import IMAGES, ROOT, Stack, require_engine
from support.kubernetes import applied, found, kubectl, load_image, require_cluster
from support.spark_runs import (
    MODEL,
    PHOTOS_FOLDER,
    RUN_SECONDS,
    assert_same,
    features_of,
    run_on_one_machine,
    write_data,
)
from support.waiting import wait_until

STAGE = ROOT / "k8s" / "spark"
NAMESPACE = "vigie-spark"
IN_HERE = ("--namespace", NAMESPACE)
USER = 10001
ATTEMPTS = 3
MANIFESTS = sorted(
    path.name for path in STAGE.glob("*.yaml") if path.name != "kustomization.yaml"
)  # fmt: skip
SMALL = (
    # a machine of two cores has room for a driver, two executors and the cluster's own pods
    "spark.kubernetes.executor.request.cores=0.1",
    "spark.executor.memory=512m",
    "spark.executor.memoryOverhead=1g",
)
DRIVER = f"system:serviceaccount:{NAMESPACE}:spark-driver"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_engine()
    require_cluster()
    return write_data(tmp_path_factory.mktemp("data"), USER)


@pytest.fixture(scope="module")
def namespace() -> Iterator[None]:
    """What `kubectl apply -k k8s/spark` makes."""
    require_cluster()
    taken = kubectl("get", "namespace", NAMESPACE, check=False).returncode == 0
    assert not taken, f"this cluster has a namespace {NAMESPACE}: no test touches it"
    try:
        kubectl("apply", "--validate=strict", "--kustomize", str(STAGE))
        yield
    finally:
        kubectl("delete", "namespace", NAMESPACE, "--timeout=120s", check=False, seconds=150)


@pytest.fixture(scope="module")
def stage(data: Path, namespace: None) -> None:
    """The namespace with the data in its claim."""
    Stack().build("spark-master")
    load_image(IMAGES["VIGIE_SPARK_IMAGE"])
    applied(_read("copy.yaml"))
    kubectl("wait", "--for=condition=Ready", "pod/copy", *IN_HERE, "--timeout=300s", seconds=330)
    for name in (MODEL, PHOTOS_FOLDER):
        kubectl("cp", *IN_HERE, str(data / name), f"copy:/data/{name}", seconds=300)


@pytest.fixture(scope="module")
def alone(stage: None, data: Path) -> dict[str, np.ndarray]:
    return run_on_one_machine(data, USER)


def _read(name: str) -> dict[str, Any]:
    """A file of the stage, with the image of the tests."""
    text = (STAGE / name).read_text()
    content: dict[str, Any] = yaml.safe_load(
        text.replace("vigie-spark:latest", IMAGES["VIGIE_SPARK_IMAGE"])
    )
    return content


def _start(output: str) -> str:
    """Begins a run; gives the name of its job."""
    job = _read("run.yaml")
    job["metadata"]["name"] = output
    del job["metadata"]["generateName"]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    container["resources"]["requests"]["cpu"] = "100m"
    container["args"][-1:-1] = [f"--conf={one}" for one in SMALL]
    container["args"] = [
        one if not one.startswith("--output=") else f"--output=/data/{output}"
        for one in container["args"]
    ]
    applied(job)
    return output


def _pods(role: str) -> list[dict[str, Any]]:
    pods: list[dict[str, Any]] = found("pods", *IN_HERE, "--selector", f"spark-role={role}")[
        "items"
    ]
    return pods


def _in_copy(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return kubectl("exec", "copy", *IN_HERE, "--", *words, check=check)


def _shown(pattern: str) -> bool:
    return bool(_in_copy("sh", "-c", f"ls -d {pattern} 2>/dev/null || true").stdout)


def _ended(job: str) -> int:
    """Waits for the end of a job; gives the exit code of its driver."""

    def over() -> list[int]:
        statuses = [
            status["state"].get("terminated")
            for pod in _pods("driver")
            if pod["metadata"]["labels"]["job-name"] == job
            for status in pod["status"].get("containerStatuses", [])
        ]
        return [one["exitCode"] for one in statuses if one]

    wait_until(over, RUN_SECONDS)
    return over()[0]


def _results(job: str, folder: Path) -> dict[str, np.ndarray]:
    shutil.rmtree(folder / job, ignore_errors=True)
    kubectl("cp", *IN_HERE, f"copy:/data/{job}", str(folder / job), seconds=300)
    return features_of(folder / job)


def _said(job: str) -> str:
    return kubectl("logs", f"job/{job}", *IN_HERE, check=False).stdout


def test_two_executors_answer_as_one_machine(data: Path, alone: dict[str, np.ndarray]) -> None:
    job = _start("two")
    wait_until(lambda: len(_pods("executor")) == 2 or _shown("/data/two/_vigie.json"), RUN_SECONDS)
    pods = _pods("executor")
    assert _ended(job) == 0, _said(job)
    assert_same(_results(job, data), alone)
    assert len(pods) == 2
    for pod in pods:
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
        assert pod["metadata"]["ownerReferences"][0]["kind"] == "Pod"
    # they end with the run
    wait_until(lambda: not _pods("executor"), 120)


def test_an_executor_that_is_deleted_in_the_middle(
    data: Path, alone: dict[str, np.ndarray]
) -> None:
    for attempt in range(ATTEMPTS):
        job = _start(f"deleted-{attempt}")
        in_time = _delete_an_executor(job)
        assert _ended(job) == 0, _said(job)
        assert_same(_results(job, data), alone)
        if in_time:
            return
    pytest.fail(f"{ATTEMPTS} runs ended before an executor of theirs was deleted")


def _delete_an_executor(job: str) -> bool:
    """Deletes one once a first part is there; false where the run was done before."""
    parts = f"/data/{job}/_parts/*"
    wait_until(lambda: _shown(f"{parts}/part-*"), RUN_SECONDS)
    for pod in _pods("executor")[:1]:
        name = pod["metadata"]["name"]
        kubectl("delete", "pod", name, *IN_HERE, "--grace-period=0", "--force", check=False)
    return not _shown(f"{parts}/_SUCCESS")


@pytest.mark.usefixtures("stage")
def test_the_driver_may_make_pods_here_and_nothing_else() -> None:
    def may(*words: str) -> bool:
        return kubectl("auth", "can-i", *words, "--as", DRIVER, check=False).returncode == 0

    assert may("create", "pods", *IN_HERE)
    for words in (
        ("create", "pods", "--namespace", "default"), ("get", "secrets", *IN_HERE),
        ("create", "roles", *IN_HERE), ("list", "nodes"),
        ("create", "pods", "--subresource=exec", *IN_HERE),
    ):  # fmt: skip
        assert not may(*words), words


@pytest.mark.usefixtures("stage")
def test_who_is_no_part_of_a_run_reaches_nobody() -> None:
    ask = "import socket; socket.create_connection(('kubernetes.default.svc', 443), 5)"
    before = time.monotonic()
    refused = _in_copy("python", "-c", ask, check=False)
    assert refused.returncode, f"after {time.monotonic() - before:.0f} s"
    assert "Name or service not known" not in refused.stderr


@pytest.mark.usefixtures("stage")
def test_a_pod_with_rights_is_refused() -> None:
    pod = _read("copy.yaml")
    pod["metadata"]["name"] = "privileged"
    pod["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    words = ("apply", "--filename", "-")
    refused = kubectl(*words, given=yaml.safe_dump(pod), check=False)
    assert (refused.returncode, "restricted" in refused.stderr) == (1, True)


@pytest.mark.usefixtures("namespace")
@pytest.mark.parametrize("name", MANIFESTS)
def test_the_api_server_takes_every_manifest(name: str) -> None:
    objects = list(yaml.safe_load_all((STAGE / name).read_text()))
    for content in objects:
        if name == "executor.yaml":
            # Spark adds these
            content["metadata"]["name"] = "executor"
            content["spec"]["containers"][0] |= {
                "image": IMAGES["VIGIE_SPARK_IMAGE"],
                "resources": {
                    "requests": {"cpu": "1", "memory": "3Gi"}, "limits": {"memory": "3Gi"},
                },
            }  # fmt: skip
        verb = "create" if "generateName" in content["metadata"] else "apply"
        inside = () if content["kind"] == "Namespace" else IN_HERE
        done = kubectl(
            verb, "--dry-run=server", "--validate=strict", "--output=name", *inside,
            "--filename", "-", given=yaml.safe_dump(content), check=False,
        )  # fmt: skip
        # a pod that the namespace would refuse is a warning to whoever makes its Job
        assert (done.returncode, done.stderr) == (0, ""), content["kind"]
    assert objects
