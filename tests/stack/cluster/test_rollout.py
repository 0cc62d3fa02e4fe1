"""No caller is failed while pods come and go."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

from support.kubernetes import applied, found, kubectl
from support.kubernetes_stack import IN_HERE, NAMESPACE, NODE_PORT, at_least, ready_pods
from support.memory import tell
from support.openloop import Figures, ask_at, request_of
from support.waiting import wait_until
from support.worker import FLOWER

RATE, CONNECTIONS = 300, 8
KILL = """\
import contextlib, os, signal, sys
from pathlib import Path
for process in Path("/proc").glob("[0-9]*"):
    with contextlib.suppress(OSError):
        if sys.argv[1] in (process / "cgroup").read_text():
            os.kill(int(process.name), signal.SIGKILL)
"""


class Load:
    """300 requests a second from callers that keep their connections, until it is told to stop."""

    def __init__(self, *, knocks_again: bool = False) -> None:
        self._knocks_again = knocks_again

    def __enter__(self) -> Self:
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(1)
        request = request_of("iris", FLOWER)
        self._figures = self._pool.submit(
            ask_at, NODE_PORT, request, RATE, 300, CONNECTIONS, self._stop,
            knocks_again=self._knocks_again,
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pool.shutdown()

    def figures(self) -> Figures:
        self._stop.set()
        return self._figures.result()


def test_nobody_is_failed_while_pods_are_replaced_deleted_and_evicted(cluster: float) -> None:
    at_least(2)
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


def test_a_killed_container_fails_no_more_than_it_had_begun(cluster: float) -> None:
    at_least(2)
    (name, *_) = ready_pods()
    # who finds nobody at an address goes to another, until every node has heard that it is empty
    with Load(knocks_again=True) as load:
        began = service_of(name)
        kill(began["containerID"].rpartition("/")[2])
        wait_until(lambda: service_of(name)["restartCount"] > began["restartCount"], 120)
        wait_until(lambda: name in ready_pods(), 120)
        figures = load.figures()
    tell(f"while a container was killed: {figures}, {dict(figures.statuses)}, lost {figures.lost}")
    assert figures.statuses.keys() == {200}
    # each caller has one request under way
    assert figures.lost <= CONNECTIONS


def service_of(name: str) -> dict[str, Any]:
    """The state of the container that answers, in a pod."""
    statuses = found("pod", name, *IN_HERE)["status"]["containerStatuses"]
    return next(one for one in statuses if one["name"] == "ml-app")


def kill(container: str) -> None:
    """Ends every process of a container at once, from the node: its own first one spares itself."""
    applied({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "vigie-killer", "namespace": "default"},
        "spec": {
            "restartPolicy": "Never", "hostPID": True, "securityContext": {"runAsUser": 0},
            "containers": [{
                "name": "killer", "image": "vigie-serve:local",
                "command": ["python", "-c", KILL, container],
            }],
        },
    })  # fmt: skip
    try:
        kubectl(
            "wait", "--namespace", "default", "--for=jsonpath={.status.phase}=Succeeded",
            "pod/vigie-killer", "--timeout=60s",
        )  # fmt: skip
    finally:
        kubectl("delete", "--namespace", "default", "pod", "vigie-killer", "--ignore-not-found")


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
