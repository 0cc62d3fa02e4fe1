"""What a run was made on: the machine, and the versions of everything that was measured."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import time
from dataclasses import dataclass

import psutil

import vigie
from bench.contender import PEERS
from load.machine import processor
from vigie.settings import usable_cores

PACKAGES = {
    "web": ("fastapi", "uvicorn", "litserve", "flask", "gunicorn", "onnxruntime", "pillow"),
    "bentoml": ("bentoml", "onnxruntime", "pillow"),
    "mlserver": ("mlserver", "onnxruntime", "pillow"),
    "mlflow": ("mlflow",),
}
MODELS = ("tensorflow-cpu", "tensorflow", "keras")
OWN = ("gunicorn", "httptools", "uvloop", "onnxruntime", "pillow", *MODELS)


@dataclass(frozen=True)
class Machine:
    """In words, for readers of figures."""

    cores: int
    processor: str
    memory_gb: float
    system: str
    python: str
    date: str

    def __str__(self) -> str:
        return (
            f"{self.cores} cores of {self.processor}, {self.memory_gb:.0f} GB, {self.system}, "
            f"Python {self.python}, {self.date}"
        )


def this_machine() -> Machine:
    """The machine that this runs on."""
    return Machine(
        cores=usable_cores(),
        processor=processor(),
        memory_gb=psutil.virtual_memory().total / 1e9,
        system=f"{platform.system()} {platform.release().split('-')[0]}",
        python=platform.python_version(),
        date=time.strftime("%Y-%m-%d"),
    )


def versions() -> dict[str, str]:
    """Whose versions, and the versions."""
    own = [f"{name} {version}" for name in OWN if (version := _installed(name))]
    told = {f"Vigie {vigie.__version__}": ", ".join(own)}
    for environment, names in PACKAGES.items():
        locked = _locked(environment)
        found = [f"{name} {locked[name]}" for name in (*names, *MODELS) if name in locked]
        told[environment] = ", ".join(dict.fromkeys(found))
    return told


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _locked(environment: str) -> dict[str, str]:
    text = (PEERS / environment / "requirements.txt").read_text(encoding="utf-8")
    here = f"{platform.system().lower()} {platform.machine()}"
    elsewhere = "tensorflow" if here == "linux x86_64" else "tensorflow-cpu"
    pins = re.findall(r"^([a-z0-9_.-]+)==([^\s;\\]+)", text, re.MULTILINE)
    return {name: version for name, version in pins if name != elsewhere}
