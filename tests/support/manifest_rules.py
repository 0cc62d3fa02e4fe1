"""What every object of `k8s/` keeps to, beyond its schema: each rule names what breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from support.manifests import Object, containers, named, templates
from support.network_rules import paired, walled

Rule = Callable[[list[Object]], Iterator[str]]

PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


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
    for one, template in templates(objects):
        pod = template["spec"]
        held = sum(
            _bytes(volume["emptyDir"].get("sizeLimit", "0"))
            for volume in pod.get("volumes", ())
            if "emptyDir" in volume and volume["emptyDir"].get("medium") != "Memory"
        )
        # a container that goes on beside the others, and one that only comes before them
        beside: list[Object] = [*pod["containers"]]
        before: list[Object] = []
        for container in pod.get("initContainers", ()):
            (beside if container.get("restartPolicy") == "Always" else before).append(container)
        allowed = max([sum(map(_disk, beside)), *map(_disk, before)])
        if held > allowed:
            yield f"{one['kind']} {one['metadata']['name']}: evicted before its volumes are full"


def _disk(container: Object) -> int:
    limits = container.get("resources", {}).get("limits", {})
    return _bytes(limits.get("ephemeral-storage", "0"))


def _bytes(quantity: str) -> int:
    """A quantity in Mi or Gi."""
    number = float(quantity.rstrip("MGi"))
    return round(number * {"M": 2**20, "G": 2**30}.get(quantity[-2:-1], 1))


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


def renewed(objects: list[Object]) -> Iterator[str]:
    """What a Secret holds comes anew where it is mounted: not as a variable, not as one file."""
    for where, container, pod in containers(objects):
        secret = {one["name"] for one in pod.get("volumes", ()) if "secret" in one}
        for mount in container.get("volumeMounts", ()):
            if mount["name"] in secret and "subPath" in mount:
                yield f"{where}: {mount['mountPath']} stays as it was when the pod began"
        if where.startswith(("Job", "CronJob")):
            # it begins with what is true then, and ends
            continue
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
