"""Artifacts made to do harm: each is refused with its reason, and none does anything.

The memory of the process that refuses is measured in a process of its own, without TensorFlow.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.keras_packages import (
    change_config,
    change_weights,
    declare_too_much,
    write_keras_package,
)
from support.saved_models import write_reaching_model
from vigie.models.manifest import write_manifest

MOST_GROWTH = 64 * 2**20

REFUSE = """
import json, resource, sys
from pathlib import Path
from vigie.sandbox import run as sandbox
from vigie.errors import VigieError
from vigie.registry.gate.integrity import verify_package
from vigie.settings import load_settings
def peak():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before, reason = peak(), None
try:
    if sys.argv[1] == "package":
        verify_package(Path(sys.argv[2]), sys.argv[3], "line", load_settings())
    else:
        folder = Path(sys.argv[3])
        folder.mkdir()
        order = {"source": sys.argv[2], "labels": [], "columns": [], "examples": []}
        task = "vigie.training.imported.conversion:to_package"
        sandbox.run_confined(task, order, folder, [Path(sys.argv[2])])
except VigieError as refused:
    reason = str(refused)
print(json.dumps({"reason": reason, "growth": peak() - before,
                  "loaded": sorted({"tensorflow", "keras", "mlflow"} & sys.modules.keys())}))
"""


def outcome(kind: str, path: Path, extra: str, canary: Path) -> dict[str, Any]:
    """What a fresh process says of the artifact; the canary module can be imported there."""
    paths = [str(canary.parent), *(entry for entry in sys.path if entry)]
    done = subprocess.run(
        [sys.executable, "-c", REFUSE, kind, str(path), extra],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A file that appears when a module named `canary_module` is imported, or code runs."""
    folder = tmp_path / "modules"
    folder.mkdir()
    path = folder / "canary"
    (folder / "canary_module.py").write_text(f"open({str(path)!r}, 'w').close()\n")
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_keras_package(tmp_path / "package")
    return tmp_path / "package"


class Harm:
    """A pickle that writes the canary when it is read."""

    def __init__(self, canary: Path) -> None:
        self._canary = canary

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, str]]:
        return open, (str(self._canary), "w")


def _layer(module: str, name: str, **settings: Any) -> Callable[[Path, Path], None]:
    def plant(root: Path, _: Path) -> None:
        def change(config: dict[str, Any]) -> None:
            dense = config["config"]["layers"][-1]
            dense.update(module=module, class_name=name, registered_name=None)
            dense["config"].update(settings)

        change_config(root / "data/model.keras", change)

    return plant


def _slip(root: Path, canary: Path) -> None:
    with zipfile.ZipFile(root / "data/model.keras", "a") as archive:
        archive.writestr(f"../../../../../../../..{canary}", "x")


def _bomb(root: Path, _: Path) -> None:
    path = root / "data/model.keras"
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("assets/zeros", "w") as entry,
    ):
        for _megabyte in range(1024):
            entry.write(bytes(2**20))


def _shape(root: Path, _: Path) -> None:
    change_weights(root / "data/model.keras", declare_too_much)


def _module_in_mlmodel(root: Path, _: Path) -> None:
    (root / "MLmodel").write_text(
        "flavors:\n"
        "  keras: {data: data, keras_module: canary_module}\n"
        "  tensorflow: {data: data, keras_module: canary_module, model_type: keras}\n"
        "  python_function: {loader_module: canary_module, code: code, env: canary.yaml}\n"
    )
    (root / "data/keras_module.txt").write_text("canary_module")


def _pickle_in_mlmodel(root: Path, canary: Path) -> None:
    (root / "MLmodel").write_text(
        "flavors:\n  python_function: {loader_module: mlflow.sklearn, model_path: model.pkl}\n"
        "  tensorflow: {data: data, custom_objects: data/custom_objects.cloudpickle}\n"
    )
    for name in ("model.pkl", "data/custom_objects.cloudpickle"):
        (root / name).write_bytes(pickle.dumps(Harm(canary)))


REFUSED: dict[str, tuple[Callable[[Path, Path], None], str]] = {
    "Lambda": (_layer("keras.layers", "Lambda", function="x"), "keras.layers.Lambda"),
    "TFSMLayer": (_layer("keras.layers", "TFSMLayer", filepath="x"), "keras.layers.TFSMLayer"),
    "unknown module": (_layer("canary_module", "Dense"), "canary_module.Dense"),
    "zip slip": (_slip, "leaves its folder"),
    "zip bomb": (_bomb, "unpacks to far more than it holds"),
    "shape bomb": (_shape, "declare more than the file holds"),
    "canary module in MLmodel": (_module_in_mlmodel, "MLmodel names a module to import"),
    "pickle in the MLmodel flavour": (_pickle_in_mlmodel, "holds code or a pickle: "),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_harmful_package_is_refused(root: Path, canary: Path, case: str) -> None:
    plant, reason = REFUSED[case]
    plant(root, canary)
    found = outcome("package", root, write_manifest(root), canary)
    assert reason in found["reason"]
    assert found["growth"] <= MOST_GROWTH
    assert found["loaded"] == []
    assert not canary.exists()


@pytest.mark.parametrize("python", [False, True], ids=["WriteFile", "PyFunc"])
def test_a_saved_model_that_reaches_out_is_refused(
    tmp_path: Path, canary: Path, python: bool
) -> None:
    write_reaching_model(tmp_path / "model", canary, python)
    canary.unlink(missing_ok=True)
    found = outcome("source", tmp_path / "model", str(tmp_path / "work"), canary)
    assert "operator that reaches out" in found["reason"]
    assert found["growth"] <= MOST_GROWTH
    assert not canary.exists()
