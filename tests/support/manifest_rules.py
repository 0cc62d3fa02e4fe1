"""What every object of `k8s/` keeps to, beyond its schema: each rule names what breaks it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]
Rule = Callable[[list[Object]], Iterator[str]]

FOLDER = Path(__file__).parents[2] / "k8s"
COMPONENT = "app.kubernetes.io/component"
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


def rendered(folder: Path) -> list[Object]:
    """The objects of a kustomization, as `kubectl apply -k` would send them."""
    done = subprocess.run(
        ["kubectl", "kustomize", folder], check=True, capture_output=True, text=True
    )
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def named(objects: list[Object], kind: str, name: str) -> Object:
    """The object of this kind and name."""
    (found,) = (o for o in objects if (o["kind"], o["metadata"]["name"]) == (kind, name))
    return found


def templates(objects: list[Object]) -> Iterator[tuple[Object, Object]]:
    """Each object that makes pods, and the template of its pods."""
    for one in objects:
        spec = one.get("spec", {})
        if one["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if one["kind"] in ("Deployment", "StatefulSet", "Job", "CronJob"):
            yield one, spec["template"]


def containers(objects: list[Object]) -> Iterator[tuple[str, Object, Object]]:
    """Each container with what it is called here, and its pod's specification."""
    for one, template in templates(objects):
        pod = template["spec"]
        for container in [*pod.get("initContainers", ()), *pod["containers"]]:
            yield f"{one['kind']} {one['metadata']['name']}, {container['name']}", container, pod


def confined(objects: list[Object]) -> Iterator[str]:
    """No right that is not needed, no token, no variables of other Services, a root read-only."""
    for where, container, pod in containers(objects):
        security, user = container.get("securityContext", {}), pod.get("securityContext", {})
        if not security.get("readOnlyRootFilesystem"):
            yield f"{where}: its root can be written"
        if security.get("allowPrivilegeEscalation") is not False:
            yield f"{where}: it may gain rights"
        if security.get("capabilities", {}).get("drop") != ["ALL"]:
            yield f"{where}: it keeps capabilities"
        if not user.get("runAsNonRoot") or not user.get("runAsUser"):
            yield f"{where}: it may be root"
        if user.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{where}: no profile of system calls"
        if pod.get("enableServiceLinks") is not False:
            yield f"{where}: Services of the namespace become variables"
        token = pod.get("automountServiceAccountToken") is not False
        if token and pod.get("serviceAccountName", "default") == "default":
            yield f"{where}: it has a token of the namespace's account"


def bounded(objects: list[Object]) -> Iterator[str]:
    """Requests for the scheduler, limits of memory and disk, every scratch volume of a size."""
    for where, container, pod in containers(objects):
        resources = container.get("resources", {})
        for name in ("cpu", "memory", "ephemeral-storage"):
            if name not in resources.get("requests", {}):
                yield f"{where}: requests no {name}"
            if name != "cpu" and name not in resources.get("limits", {}):
                yield f"{where}: no limit of {name}"
        for volume in pod.get("volumes", ()):
            if "emptyDir" in volume and "sizeLimit" not in (volume["emptyDir"] or {}):
                yield f"{where}: the volume {volume['name']} may fill the node"


def exact(objects: list[Object]) -> Iterator[str]:
    """An image has a tag or a digest, and not the one that means another thing each day."""
    for where, container, _ in containers(objects):
        _, _, tag = container["image"].rpartition("/")[2].partition(":")
        if tag in ("", "latest") and "@sha256:" not in container["image"]:
            yield f"{where}: the image {container['image']} has no tag of its own"


def probed(objects: list[Object]) -> Iterator[str]:
    """What goes on for ever says that it lives; what has callers says when it is ready."""
    served = [o["spec"]["selector"] for o in objects if o["kind"] == "Service"]
    for one, template in templates(objects):
        if one["kind"] in ("Job", "CronJob"):
            continue
        labels = template["metadata"]["labels"]
        has_callers = any(chosen.items() <= labels.items() for chosen in served)
        for container in template["spec"]["containers"]:
            where = f"{one['kind']} {one['metadata']['name']}, {container['name']}"
            if "livenessProbe" not in container:
                yield f"{where}: no livenessProbe"
            if has_callers and "ports" in container and not container.keys() >= set(PROBES):
                yield f"{where}: has callers, and not all of {', '.join(PROBES)}"
            live, ready = (container.get(name, {}) for name in PROBES[:2])
            patience = live.get("failureThreshold", 3) * live.get("periodSeconds", 10)
            if ready and patience <= ready.get("failureThreshold", 3) * ready.get(
                "periodSeconds", 10
            ):
                yield f"{where}: it is killed before it is taken out of the Service"


def drained(objects: list[Object]) -> Iterator[str]:
    """A pod has more time to end than it sleeps and drains."""
    for where, container, pod in containers(objects):
        sleep = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        given = {one["name"]: one.get("value", "") for one in container.get("env", ())}
        drain = float(given.get("VIGIE_DRAIN_SECONDS", 0))
        if sleep + drain and sleep + drain + 30 >= pod.get("terminationGracePeriodSeconds", 30):
            yield f"{where}: it is killed before its last answers are out"


def matched(objects: list[Object]) -> Iterator[str]:
    """Every selector finds a pod, by labels and, for a Service and a policy, by port."""
    pods = [(one, template) for one, template in templates(objects)]
    labelled = [template["metadata"].get("labels", {}) for _, template in pods]
    for one in objects:
        where, spec = f"{one['kind']} {one['metadata']['name']}", one.get("spec", {})
        chosen = spec.get("podSelector" if one["kind"] == "NetworkPolicy" else "selector")
        if one["kind"] in ("Deployment", "StatefulSet", "PodDisruptionBudget", "NetworkPolicy"):
            chosen = (chosen or {}).get("matchLabels", {})
        elif one["kind"] != "Service":
            continue
        found = [labels for labels in labelled if chosen.items() <= labels.items()]
        if not found:
            yield f"{where}: it selects no pod"
        if one["kind"] == "Service":
            open_ports = {
                name
                for _, template in pods
                if chosen.items() <= template["metadata"].get("labels", {}).items()
                for container in template["spec"]["containers"]
                for port in container.get("ports", ())
                for name in (port["name"], port["containerPort"])
            }
            for port in spec["ports"]:
                if port.get("targetPort", port["port"]) not in open_ports:
                    yield f"{where}: no container has the port {port['name']}"


def watched(objects: list[Object]) -> Iterator[str]:
    """What is scraped by an operator, or scaled by one, is there."""
    labelled = {
        "ServiceMonitor": [
            (one["metadata"].get("labels", {}), {port["name"] for port in one["spec"]["ports"]})
            for one in objects
            if one["kind"] == "Service"
        ],
        "PodMonitoring": [
            (
                template["metadata"]["labels"],
                {p["name"] for c in template["spec"]["containers"] for p in c.get("ports", ())},
            )
            for _, template in templates(objects)
        ],
    }
    for one in objects:
        where = f"{one['kind']} {one['metadata']['name']}"
        for end in one["spec"]["endpoints"] if one["kind"] in labelled else ():
            chosen = one["spec"]["selector"]["matchLabels"].items()
            if not any(
                chosen <= labels.items() and end["port"] in ports
                for labels, ports in labelled[one["kind"]]
            ):
                yield f"{where}: nothing has these labels and the port {end['port']}"


def walled(objects: list[Object]) -> Iterator[str]:
    """By default nobody reaches anybody; no rule opens every port to the world outside."""
    policies = [one["spec"] for one in objects if one["kind"] == "NetworkPolicy"]
    if not any(
        spec["podSelector"] == {} and sorted(spec["policyTypes"]) == ["Egress", "Ingress"]
        and not spec.get("ingress") and not spec.get("egress")
        for spec in policies
    ):  # fmt: skip
        yield "nothing is denied by default"
    for spec in policies:
        for rule in [*spec.get("ingress", ()), *spec.get("egress", ())]:
            if not rule.get("ports"):
                yield f"a rule of {spec['podSelector']} opens every port"


def paired(objects: list[Object]) -> Iterator[str]:
    """Whoever may go to a component is let in there, by the same port."""
    policies = [one for one in objects if one["kind"] == "NetworkPolicy"]
    for one in policies:
        mine = one["spec"]["podSelector"].get("matchLabels", {}).get(COMPONENT)
        for rule in one["spec"].get("egress", ()):
            for place in rule.get("to", ()):
                there = place.get("podSelector", {}).get("matchLabels", {}).get(COMPONENT)
                for port in rule.get("ports", ()) if there else ():
                    if not _lets_in(objects, there, mine, port["port"]):
                        yield f"{mine} may go to {there}:{port['port']}, and is not let in there"


def _lets_in(objects: list[Object], there: str, who: str, port: int) -> bool:
    labels = {COMPONENT: there}
    names = {
        name
        for _, template in templates(objects)
        if template["metadata"]["labels"] == labels
        for container in template["spec"]["containers"]
        for opened in container.get("ports", ())
        if opened["containerPort"] == port
        for name in (opened["name"], port)
    }
    rules = [
        rule
        for one in objects
        if one["kind"] == "NetworkPolicy"
        and one["spec"]["podSelector"].get("matchLabels") == labels
        for rule in one["spec"].get("ingress", ())
    ]
    return any(
        any(opened["port"] in names for opened in rule["ports"])
        and ("from" not in rule or any(who in _components(place) for place in rule["from"]))
        for rule in rules
    )


def _components(place: Object) -> set[str]:
    """The components that a place of a policy chooses."""
    chosen = place.get("podSelector", {})
    named_ones = {chosen.get("matchLabels", {}).get(COMPONENT)}
    for one in chosen.get("matchExpressions", ()):
        named_ones |= set(one["values"])
    return named_ones


def renewed(objects: list[Object]) -> Iterator[str]:
    """What a Secret holds comes anew where it is mounted: not as a variable, not as one file."""
    for where, container, pod in containers(objects):
        secret = {one["name"] for one in pod.get("volumes", ()) if "secret" in one}
        for mount in container.get("volumeMounts", ()):
            if mount["name"] in secret and "subPath" in mount:
                yield f"{where}: {mount['mountPath']} stays as it was when the pod began"
        given = [*container.get("env", ()), *container.get("envFrom", ())]
        if any("secretRef" in one or "secretKeyRef" in one.get("valueFrom", {}) for one in given):
            yield f"{where}: a variable holds a secret"


def spread(objects: list[Object]) -> Iterator[str]:
    """What is scaled has a budget of disruptions, is spread, and states no number of its own."""
    for one in objects:
        if one["kind"] not in ("HorizontalPodAutoscaler", "ScaledObject"):
            continue
        target = named(objects, "Deployment", one["spec"]["scaleTargetRef"]["name"])
        name, labels = target["metadata"]["name"], target["spec"]["template"]["metadata"]["labels"]
        if "replicas" in target["spec"]:
            yield f"Deployment {name}: each apply undoes what the autoscaler did"
        if not target["spec"]["template"]["spec"].get("topologySpreadConstraints"):
            yield f"Deployment {name}: all of it may stand on one node"
        budgets = [o["spec"]["selector"] for o in objects if o["kind"] == "PodDisruptionBudget"]
        if not any(chosen["matchLabels"].items() <= labels.items() for chosen in budgets):
            yield f"Deployment {name}: who empties a node may take all of it"


RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        confined,
        bounded,
        exact,
        probed,
        drained,
        matched,
        watched,
        walled,
        paired,
        renewed,
        spread,
    )
}


def faults(objects: list[Object]) -> list[str]:
    """What breaks a rule."""
    return [fault for rule in RULES.values() for fault in rule(objects)]
