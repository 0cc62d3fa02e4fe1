"""Replicas as pods of a Kubernetes cluster, by kubectl."""

from __future__ import annotations

import json
from typing import Any

from scale.command import said
from scale.failure import ScaleError
from scale.replicas import CGROUPS, wait_for

WORKLOAD = "ml-app"
SELECTOR = f"app.kubernetes.io/component={WORKLOAD}"


AUTOSCALER: dict[str, Any] = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": WORKLOAD},
}
BY_CPU: dict[str, Any] = {
    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": WORKLOAD},
    "metrics": [
        {"type": "ContainerResource",
         "containerResource": {"container": WORKLOAD, "name": "cpu",
                               "target": {"type": "Utilization", "averageUtilization": 70}}}
    ],
}  # fmt: skip
"""As in the base: by the processor time of the service alone."""


class Cluster:
    """The Deployment `ml-app` of a namespace, and its autoscaler of the same name, if any."""

    def __init__(self, namespace: str, url: str) -> None:
        self._namespace, self.url = namespace, url
        self._before = self._autoscaler()
        self._made = False
        self._count = self._get(f"deployment/{WORKLOAD}")["spec"]["replicas"]
        self._resources = self._container(self._get(f"deployment/{WORKLOAD}"))["resources"]
        self._requested = self._resources["requests"]["cpu"]
        version = json.loads(said("kubectl", "version", "--output", "json"))["serverVersion"]
        nodes = len(json.loads(said("kubectl", "get", "nodes", "--output", "json"))["items"])
        self.title = f"Kubernetes {version['major']}.{version['minor']}, nodes: {nodes}"

    def limit(self, cores: float) -> None:
        """Requests and limits so much for each pod, and waits for the new ones."""
        self.request(cores, cores)

    def free(self) -> None:
        """Takes the limit of processor time away; what is requested stays."""
        self.request(self._requested, None)

    def request(self, cores: float | str, most: float | None) -> None:
        """Requests so much of a core for each pod and lets it have `most`, or whatever is free."""
        resources = self._resources | {
            "requests": {**self._resources["requests"], "cpu": str(cores)},
            "limits": {
                **{n: v for n, v in self._resources["limits"].items() if n != "cpu"},
                **({"cpu": str(most)} if most is not None else {}),
            },
        }
        self._set_resources(resources)

    def scale_to(self, count: int) -> None:
        """Returns when there are that many pods; the autoscaler may have no other number."""
        if self._before is not None or self._made:
            self.autoscale(count, count)
        self._kubectl("scale", f"deployment/{WORKLOAD}", f"--replicas={count}")
        wait_for(f"{count} pods", lambda: self.counts() == (count, count))

    def autoscale(self, least: int, most: int, **behavior: Any) -> None:
        """An autoscaler with these bounds, and how it behaves; made where there is none."""
        kept = self._before or BY_CPU
        bounds: dict[str, Any] = {"minReplicas": least, "maxReplicas": most}
        if behavior:
            bounds["behavior"] = behavior
        self._made = True
        self._apply(kept | bounds)

    def counts(self) -> tuple[int, int]:
        """How many pods there are, and how many of them are ready and stay."""
        pods = self._pods()
        ready = [
            pod
            for pod in pods
            if "deletionTimestamp" not in pod["metadata"]
            and any(
                (one["type"], one["status"]) == ("Ready", "True")
                for one in pod["status"].get("conditions", ())
            )
        ]
        return len(pods), len(ready)

    def names(self) -> list[str]:
        """The pods that are there."""
        return sorted(pod["metadata"]["name"] for pod in self._pods())

    def told(self, name: str) -> str:
        """What the kernel says in one of them."""
        return self._kubectl("exec", name, "--container", WORKLOAD, "--", "sh", "-c", CGROUPS)

    def restore(self) -> None:
        """Resources, autoscaler and number of pods as they were."""
        try:
            self._set_resources(self._resources)
        finally:
            if self._before is not None:
                self._apply(self._before)
            else:
                self._kubectl("delete", f"horizontalpodautoscaler/{WORKLOAD}", "--ignore-not-found")
                self._kubectl("scale", f"deployment/{WORKLOAD}", f"--replicas={self._count}")

    def _autoscaler(self) -> Any:
        """What the one of the Deployment is told, if there is one."""
        for one in self._get("horizontalpodautoscalers")["items"]:
            target = one["spec"]["scaleTargetRef"]
            if (target["kind"], target["name"]) != ("Deployment", WORKLOAD):
                continue
            if one["metadata"]["name"] != WORKLOAD:
                raise ScaleError(
                    f"the autoscaler {one['metadata']['name']} has {WORKLOAD} already: take it away"
                )
            return one["spec"]
        return None

    def _apply(self, spec: Any) -> None:
        content = json.dumps(AUTOSCALER | {"spec": spec})
        self._kubectl(
            "apply", "--server-side", "--force-conflicts", "--filename", "-", given=content
        )

    def _set_resources(self, resources: Any) -> None:
        # a merge would keep a limit that is to go
        self._kubectl(
            "patch", f"deployment/{WORKLOAD}", "--type", "json", "--patch",
            json.dumps([
                {"op": "replace", "path": "/spec/template/spec/containers/0/resources",
                 "value": resources}
            ]),
        )  # fmt: skip
        self._kubectl("rollout", "status", f"deployment/{WORKLOAD}", "--timeout=300s")
        wait_for("old pods are gone", lambda: len(set(self.counts())) == 1)

    def _pods(self) -> list[Any]:
        listed: list[Any] = self._get("pods", "--selector", SELECTOR)["items"]
        return [pod for pod in listed if pod["status"]["phase"] in ("Pending", "Running")]

    @staticmethod
    def _container(deployment: Any) -> Any:
        first = deployment["spec"]["template"]["spec"]["containers"][0]
        if first["name"] != WORKLOAD:
            raise ScaleError(f"the first container of {WORKLOAD} is {first['name']}")
        return first

    def _get(self, *words: str) -> Any:
        return json.loads(self._kubectl("get", *words, "--output", "json"))

    def _kubectl(self, *words: str, given: str | None = None) -> str:
        return said("kubectl", "--namespace", self._namespace, *words, given=given)
