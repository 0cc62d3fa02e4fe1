"""The objects of `k8s/`, as `kubectl` renders them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]

FOLDER = Path(__file__).parents[2] / "k8s"
COMPONENT = "app.kubernetes.io/component"


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
