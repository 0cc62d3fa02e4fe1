"""Every object is one by the schemas of Kubernetes: the oldest that is taken, the newest two."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from support.manifests import FOLDER, Object, named, rendered

pytestmark = [
    pytest.mark.skipif(
        shutil.which("kubernetes-validate") is None, reason="kubernetes-validate is not installed"
    ),
    pytest.mark.skipif(
        shutil.which("kubectl") is None, reason="kubectl is not installed: it renders the manifests"
    ),
]
VERSIONS = ("1.33", "1.36", "1.37")
OVERLAYS = sorted(path.parent for path in FOLDER.glob("overlays/*/kustomization.yaml"))
OF_OPERATORS = ("PodMonitoring", "ScaledObject", "ServiceMonitor")


def refused(objects: list[Object], version: str, folder: Path) -> str:
    """What the schemas of a version find wrong, with no field that they do not know."""
    file = folder / "objects.yaml"
    file.write_text(yaml.safe_dump_all(o for o in objects if o["kind"] not in OF_OPERATORS))
    done = subprocess.run(
        ["kubernetes-validate", "--strict", "--quiet", "--kubernetes-version", version, str(file)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr if done.returncode else ""


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)
def test_every_overlay_is_of_the_schema(overlay: Path, version: str, tmp_path: Path) -> None:
    assert refused(rendered(overlay), version, tmp_path) == ""


def _misspelt(spec: Object) -> None:
    spec["restartpolicy"] = "Always"


def _of_another_type(spec: Object) -> None:
    spec["containers"][0]["ports"][0]["containerPort"] = "http"


def _without_what_is_required(spec: Object) -> None:
    del spec["containers"][0]["name"]


@pytest.mark.parametrize("plant", [_misspelt, _of_another_type, _without_what_is_required])
def test_what_is_wrong_is_found(plant: Callable[[Object], None], tmp_path: Path) -> None:
    objects = rendered(FOLDER / "overlays" / "local")
    plant(named(objects, "Deployment", "ml-app")["spec"]["template"]["spec"])
    assert "deployment/ml-app" in refused(objects, VERSIONS[-1], tmp_path)
