"""The stack of `make k8s-up` on a cluster of tests, and what is asked of its pods."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from support.compose import ROOT, require_engine
from support.kubernetes import LOADER, applied, found, kubectl, require_cluster
from support.manifests import COMPONENT, FOLDER, Object, named, rendered
from support.waiting import wait_until

NAMESPACE = "vigie"
LOCAL = FOLDER / "overlays" / "local"
IN_HERE = ("--namespace", NAMESPACE)
NODE_PORT = 30500
JOB_SECONDS = 300
ASK = """\
import json, sys
from urllib.error import HTTPError
from urllib.request import Request, urlopen
path, body, headers = json.loads(sys.argv[1])
url = path if "://" in path else "http://127.0.0.1:5000" + path
try:
    answer = urlopen(Request(url, body and body.encode(), headers), timeout=20)
except HTTPError as refused:
    answer = refused
print(json.dumps([answer.status, answer.read().decode()]))
"""
"""Asks a service from where it runs: the address of a pod is the cluster's own matter."""


@contextlib.contextmanager
def brought_up() -> Iterator[float]:
    """The stack, until the end of the block; the seconds from `apply` to every pod ready."""
    require_engine()
    require_cluster()
    taken = kubectl("get", "namespace", NAMESPACE, check=False).returncode == 0
    assert not taken, f"this cluster has a namespace {NAMESPACE}: no test touches it"
    environment = {**os.environ, "VIGIE_CLUSTER_LOAD": os.environ[LOADER]}
    try:
        done = subprocess.run(
            ["make", "k8s-up"], cwd=ROOT, env=environment, check=False, timeout=1800,
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        yield since_created("namespace", NAMESPACE)
    finally:
        kubectl("delete", "namespace", NAMESPACE, "--timeout=180s", check=False, seconds=240)


def since_created(kind: str, name: str) -> float:
    """The seconds between the making of an object and the readiness of the last pod of ml-app."""
    made = found(kind, name)["metadata"]["creationTimestamp"]
    ready = [
        condition["lastTransitionTime"]
        for pod in pods()
        for condition in pod["status"]["conditions"]
        if condition["type"] == "Ready"
    ]
    first, last = (time.mktime(time.strptime(t, "%Y-%m-%dT%H:%M:%SZ")) for t in (made, max(ready)))
    return last - first


def pods(component: str = "ml-app") -> list[dict[str, Any]]:
    """The pods of a component that are not on their way out."""
    listed = found("pods", *IN_HERE, "--selector", f"{COMPONENT}={component}")["items"]
    return [pod for pod in listed if "deletionTimestamp" not in pod["metadata"]]


def ready_pods(component: str = "ml-app") -> list[str]:
    """The names of the pods of a component that get requests."""
    return [
        pod["metadata"]["name"]
        for pod in pods(component)
        for condition in pod["status"].get("conditions", ())
        if (condition["type"], condition["status"]) == ("Ready", "True")
    ]


def restarts() -> dict[str, tuple[int, ...]]:
    """How often each container of each pod of the service was started again, by the pod's id."""
    return {
        pod["metadata"]["uid"]: tuple(
            one["restartCount"] for one in pod["status"]["containerStatuses"]
        )
        for pod in pods()
    }


def at_least(replicas: int) -> None:
    """Waits until so many pods of the service are ready, and the autoscaler keeps them."""
    low = json.dumps({"spec": {"minReplicas": replicas}})
    kubectl("patch", *IN_HERE, "horizontalpodautoscaler/ml-app", "--type=merge", "--patch", low)
    wait_until(lambda: len(ready_pods()) >= replicas, 120)


def run_in(component: str, container: str, code: str, *words: str, seconds: float = 120) -> str:
    """What Python code prints in a container of the first pod of a component."""
    return run_in_pod(
        pods(component)[0]["metadata"]["name"], container, code, *words, seconds=seconds
    )


def run_in_pod(pod: str, container: str, code: str, *words: str, seconds: float = 120) -> str:
    """What Python code prints in a container of a pod."""
    command = ("python", "-c", code, *words)
    return kubectl(
        "exec", *IN_HERE, pod, "--container", container, "--", *command, seconds=seconds
    ).stdout


def asked(
    pod: str, path: str, content: object = None, **headers: str
) -> tuple[int, dict[str, Any]]:
    """Status and content of the answer of one pod of the service, asked from inside it."""
    body = None if content is None else json.dumps(content)
    sent = {"Content-Type": "application/json", **headers}
    status, text = json.loads(run_in_pod(pod, "ml-app", ASK, json.dumps([path, body, sent])))
    return status, json.loads(text)


def asked_everywhere(path: str) -> dict[str, dict[str, Any]]:
    """What each ready pod of the service answers, by its name."""
    names = ready_pods()
    with ThreadPoolExecutor(len(names)) as pool:
        return dict(zip(names, pool.map(lambda name: asked(name, path)[1], names), strict=True))


def trained(*words: str) -> None:
    """Trains on the cluster as the first start does, with `vigie train …`."""
    run_as_trainer(args=["train", *words])


def run_as_trainer(objects: list[Object] | None = None, **changes: object) -> None:
    """Runs the job of the first training with another command, to its good end.

    `objects` are those of a stack with further components.
    """
    job = copy.deepcopy(named(objects or rendered(LOCAL), "Job", "trainer"))
    job["metadata"]["name"] = name = "training"
    job["spec"]["template"]["spec"]["containers"][0].update(changes)
    job["spec"]["backoffLimit"] = 0
    applied(job)
    try:
        await_end(name)
    finally:
        kubectl("delete", *IN_HERE, "job", name, "--ignore-not-found")


def await_end(job: str) -> None:
    """Waits until a job has ended; fails with its last words where it did not end well."""

    def end() -> set[str]:
        conditions = found("job", job, *IN_HERE)["status"].get("conditions", ())
        return {one["type"] for one in conditions if one["status"] == "True"}

    wait_until(lambda: end() & {"Complete", "Failed"}, JOB_SECONDS)
    if "Complete" not in end():
        said = kubectl("logs", *IN_HERE, f"job/{job}", "--all-containers", check=False)
        raise AssertionError(f"{job} failed: {said.stdout}")


def query(expression: str) -> list[dict[str, Any]]:
    """What Prometheus finds now."""
    said = kubectl(
        "exec", *IN_HERE, "prometheus-0", "--", "promtool", "query", "instant", "--format=json",
        "http://localhost:9090", expression,
    ).stdout  # fmt: skip
    values: list[dict[str, Any]] = json.loads(said)
    return values


@contextlib.contextmanager
def with_components(folder: Path, *names: str) -> Iterator[None]:
    """The stack with further components, until the end of the block; `folder` is a scratch one."""
    _write_overlay(folder, names)
    try:
        _apply(folder)
        yield
    finally:
        _apply(LOCAL)


def rendered_with(folder: Path, *names: str) -> list[Object]:
    """The objects of the stack with further components; `folder` is a scratch one."""
    _write_overlay(folder, names)
    return rendered(folder)


def _write_overlay(folder: Path, names: Sequence[str]) -> None:
    parts = [FOLDER / "components" / name for name in names]
    content = {
        "resources": [os.path.relpath(LOCAL, folder)],
        "components": [os.path.relpath(part, folder) for part in parts],
    }
    (folder / "kustomization.yaml").write_text(json.dumps(content))


def _apply(folder: Path) -> None:
    kubectl("apply", "--kustomize", str(folder))
    kubectl(
        "rollout", "status", *IN_HERE, "deployment/ml-app", "--timeout=180s", seconds=200
    )  # fmt: skip


def given_secret(name: str, **files: str) -> None:
    """Makes or changes a Secret; `a_b` is the file `a.b`."""
    applied({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "stringData": {file.replace("_", "."): text for file, text in files.items()},
    })  # fmt: skip
