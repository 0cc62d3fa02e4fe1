"""The whole stack on a real Kubernetes cluster, as `make k8s-up` brings it there."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

import requests

from support.compose import HOUSE, ROOT
from support.kubernetes import applied, found, kubectl
from support.kubernetes_stack import (
    IN_HERE,
    NAMESPACE,
    NODE_PORT,
    pods,
    run_in_pod,
)
from support.manifests import Object, rendered
from support.memory import tell

READY_SECONDS = 240
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


def reached_from(pod: str, container: str, *places: str) -> dict[str, str]:
    """Whether each place can be reached from a container."""
    said = run_in_pod(pod, container, REACH, *places)
    return dict(line.rsplit(" ", 1) for line in said.splitlines())


def test_everything_is_ready_within_four_minutes_and_answers(cluster: float) -> None:
    tell(f"from apply to ready, first training included: {cluster:.0f} s")
    assert cluster <= READY_SECONDS
    answer = requests.post(
        f"http://127.0.0.1:{NODE_PORT}/predict/housing", json={"instances": [HOUSE]}, timeout=30
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"][0]["price_eur"] > 0


def test_the_server_takes_every_object_as_it_is_written(cluster: float) -> None:
    listed = kubectl("api-resources", "--no-headers").stdout.splitlines()
    known = {line.split()[-1] for line in listed}
    # what has ended may not become another job for a minute
    kubectl("delete", *IN_HERE, "job", "secrets", "trainer", "--ignore-not-found")
    for overlay in sorted((ROOT / "k8s" / "overlays").iterdir()):
        objects = rendered(overlay)
        # what an operator brings with it is not of Kubernetes
        others = {one["kind"] for one in objects} - known
        assert others <= {"PodMonitoring", "ScaledObject", "ServiceMonitor"}
        mine = {"apiVersion": "v1", "kind": "List"}
        given = json.dumps({**mine, "items": [o for o in objects if o["kind"] not in others]})
        with namespace_of(objects):
            done = kubectl(
                "apply", "--dry-run=server", "--validate=strict", "--filename", "-", given=given
            )
        assert "PodSecurity" not in done.stderr


@contextlib.contextmanager
def namespace_of(objects: list[Object]) -> Iterator[None]:
    """The namespace of an overlay, which a dry run needs: made for it where it is not there."""
    (namespace,) = (one for one in objects if one["kind"] == "Namespace")
    name = namespace["metadata"]["name"]
    there = kubectl("get", "namespace", name, check=False).returncode == 0
    try:
        if not there:
            applied(namespace)
        yield
    finally:
        if not there:
            kubectl("delete", "namespace", name, "--wait=false")


def test_a_second_up_changes_nothing_that_runs(cluster: float) -> None:
    before = {pod["metadata"]["uid"] for name in ("ml-app", "mlflow") for pod in pods(name)}
    secret = found("secret", "vigie-made", *IN_HERE)["data"]
    kubectl("apply", "--kustomize", str(ROOT / "k8s" / "overlays" / "local"))
    kubectl("wait", *IN_HERE, "--for=condition=Complete", "job/secrets", "--timeout=120s")
    after = {pod["metadata"]["uid"] for name in ("ml-app", "mlflow") for pod in pods(name)}
    assert after >= before
    assert found("secret", "vigie-made", *IN_HERE)["data"] == secret


def test_each_pod_reaches_what_it_needs_and_nothing_else(cluster: float) -> None:
    ports = {
        "mlflow": 5001, "postgres": 5432, "model-sync": 5002, "prometheus": 9090,
        "alertmanager": 9093,
    }  # fmt: skip
    place = {name: f"{pods(name)[0]['status']['podIP']}:{port}" for name, port in ports.items()}
    place |= ADDRESSES
    reaches = {
        "ml-app": {"model-sync", "postgres"}, "model-sync": {"mlflow"}, "importer": {"mlflow"},
    }  # fmt: skip
    for name, container in {
        "ml-app": "ml-app",
        "model-sync": "follow",
        "importer": "importer",
    }.items():
        pod = pods(name)[0]["metadata"]["name"]
        others = {other: at for other, at in place.items() if other != name}
        assert reached_from(pod, container, *others.values()) == {
            at: "open" if other in reaches[name] else "shut" for other, at in others.items()
        }


def test_what_asks_for_more_rights_than_it_needs_is_not_let_in(cluster: float) -> None:
    pod = {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "root", "namespace": NAMESPACE},
        "spec": {"containers": [{"name": "root", "image": "vigie-serve:local"}]},
    }  # fmt: skip
    done = kubectl("apply", "--filename", "-", given=json.dumps(pod), check=False)
    assert done.returncode
    assert "violates PodSecurity" in done.stderr
    template = {"metadata": {"labels": {"of": "root"}}, "spec": pod["spec"]}
    deployment = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": pod["metadata"],
        "spec": {"selector": {"matchLabels": {"of": "root"}}, "template": template},
    }  # fmt: skip
    told = kubectl("apply", "--dry-run=server", "--filename", "-", given=json.dumps(deployment))
    assert "would violate PodSecurity" in told.stderr
