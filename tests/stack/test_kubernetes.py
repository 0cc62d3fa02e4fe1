"""The whole stack on a real Kubernetes cluster, as `make k8s-up` brings it there."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import pytest
import requests

from support.compose import HOUSE, ROOT, require_engine
from support.kubernetes import LOADER, found, kubectl, require_cluster
from support.manifest_rules import COMPONENT
from support.memory import tell
from support.openloop import Figures, ask_at, request_of
from support.waiting import wait_until
from support.worker import FLOWER

NAMESPACE = "vigie"
IN_HERE = ("--namespace", NAMESPACE)
NODE_PORT = 30500
READY_SECONDS = 240
RATE, CONNECTIONS = 300, 8
ADDRESSES = {"API server": "10.96.0.1:443", "metadata": "169.254.169.254:80"}
REACH = """\
import socket, sys
for place in sys.argv[1:]:
    host, _, port = place.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 3).close()
        print(place, "open")
    except OSError:
        print(place, "shut")
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[float]:
    """The stack; the seconds from `apply` to every pod ready, the first training included."""
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


def ready_pods() -> list[str]:
    """The names of the pods of the service that get requests."""
    return [
        pod["metadata"]["name"]
        for pod in pods()
        for condition in pod["status"].get("conditions", ())
        if (condition["type"], condition["status"]) == ("Ready", "True")
    ]


def reached_from(pod: str, container: str, *places: str) -> dict[str, str]:
    """Whether each place can be reached from a container."""
    said = kubectl(
        "exec", *IN_HERE, pod, "--container", container, "--", "python", "-c", REACH, *places
    ).stdout
    return dict(line.rsplit(" ", 1) for line in said.splitlines())


class Load:
    """300 requests a second from callers that keep their connections, until it is told to stop."""

    def __enter__(self) -> Self:
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(1)
        request = request_of("iris", FLOWER)
        self._figures = self._pool.submit(
            ask_at, NODE_PORT, request, RATE, 300, CONNECTIONS, self._stop
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pool.shutdown()

    def figures(self) -> Figures:
        self._stop.set()
        return self._figures.result()


def test_everything_is_ready_within_four_minutes_and_answers(cluster: float) -> None:
    tell(f"from apply to ready, first training included: {cluster:.0f} s")
    assert cluster <= READY_SECONDS
    answer = requests.post(
        f"http://127.0.0.1:{NODE_PORT}/predict/housing", json={"instances": [HOUSE]}, timeout=30
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"][0]["price_eur"] > 0


def test_the_server_takes_every_object_as_it_is_written(cluster: float) -> None:
    for overlay in sorted((ROOT / "k8s" / "overlays").iterdir()):
        rendered = kubectl("kustomize", str(overlay)).stdout
        kubectl("apply", "--dry-run=server", "--validate=strict", "--filename", "-", given=rendered)


def test_a_second_up_changes_nothing_that_runs(cluster: float) -> None:
    before = {pod["metadata"]["uid"] for name in ("ml-app", "mlflow") for pod in pods(name)}
    secret = found("secret", "vigie-made", *IN_HERE)["data"]
    kubectl("apply", "--kustomize", str(ROOT / "k8s" / "overlays" / "local"))
    kubectl("wait", *IN_HERE, "--for=condition=Complete", "job/secrets", "--timeout=120s")
    after = {pod["metadata"]["uid"] for name in ("ml-app", "mlflow") for pod in pods(name)}
    assert after >= before
    assert found("secret", "vigie-made", *IN_HERE)["data"] == secret


def test_each_pod_reaches_what_it_needs_and_nothing_else(cluster: float) -> None:
    ip = {name: pods(name)[0]["status"]["podIP"] for name in ("mlflow", "postgres", "model-sync")}
    mlflow, postgres = f"{ip['mlflow']}:5001", f"{ip['postgres']}:5432"
    share = f"{ip['model-sync']}:5002"
    (name, *_) = ready_pods()
    places = (share, mlflow, postgres, *ADDRESSES.values())
    assert reached_from(name, "ml-app", *places) == {
        share: "open", mlflow: "shut", postgres: "shut",
        **dict.fromkeys(ADDRESSES.values(), "shut"),
    }  # fmt: skip
    sync = pods("model-sync")[0]["metadata"]["name"]
    assert reached_from(sync, "follow", mlflow, postgres, *ADDRESSES.values()) == {
        mlflow: "open", postgres: "shut", **dict.fromkeys(ADDRESSES.values(), "shut"),
    }  # fmt: skip


def test_what_asks_for_more_rights_than_it_needs_is_not_let_in(cluster: float) -> None:
    pod = {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "root", "namespace": NAMESPACE},
        "spec": {"containers": [{"name": "root", "image": "vigie-serve:local"}]},
    }  # fmt: skip
    done = kubectl("apply", "--filename", "-", given=json.dumps(pod), check=False)
    assert done.returncode
    assert "violates PodSecurity" in done.stderr


def test_nobody_is_failed_while_pods_are_replaced_deleted_and_evicted(cluster: float) -> None:
    kubectl("scale", *IN_HERE, "deployment/ml-app", "--replicas=2")
    kubectl(
        "patch", *IN_HERE, "horizontalpodautoscaler/ml-app", "--type=merge",
        "--patch", json.dumps({"spec": {"minReplicas": 2}}),
    )  # fmt: skip
    wait_until(lambda: len(ready_pods()) >= 2, 120)
    with Load() as load:
        kubectl("rollout", "restart", *IN_HERE, "deployment/ml-app")
        kubectl("rollout", "status", *IN_HERE, "deployment/ml-app", "--timeout=180s", seconds=200)
        wait_until(lambda: len(ready_pods()) >= 2, 120)
        kubectl("delete", *IN_HERE, "pod", ready_pods()[0], seconds=180)
        for name in ready_pods():
            wait_until(lambda: len(ready_pods()) >= 2, 120)
            evict(name)
        wait_until(lambda: len(ready_pods()) >= 2, 120)
        figures = load.figures()
    tell(f"while all pods went: {figures}, {dict(figures.statuses)}, lost {figures.lost}")
    assert figures.lost == 0
    assert figures.statuses.keys() == {200}


def evict(name: str) -> None:
    """Asks for the end of a pod as who empties a node does; the budget may say: not now."""
    body = {
        "apiVersion": "policy/v1", "kind": "Eviction",
        "metadata": {"name": name, "namespace": NAMESPACE},
    }  # fmt: skip
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{name}/eviction"

    def is_taken() -> bool:
        done = kubectl(
            "create", "--raw", path, "--filename", "-", given=json.dumps(body), check=False
        )
        assert not done.returncode or "disruption budget" in done.stderr, done.stderr
        return not done.returncode

    wait_until(is_taken, 120)
    wait_until(lambda: name not in ready_pods(), 120)
