"""`import vigie`: three names for a notebook, and nothing loaded before one is asked for."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import vigie
from vigie.client import Client
from vigie.errors import ConfigurationError, MissingExtra
from vigie.registry.load import load

MOST_SECONDS = 0.2
HEAVY = ("numpy", "pandas", "pydantic", "requests", "onnxruntime", "tensorflow", "mlflow")


def python(code: str) -> str:
    """What code prints in a process of its own."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    return done.stdout


def test_the_names_are_there_and_are_what_they_say() -> None:
    assert vigie.__all__ == ["Client", "load", "log_model"]
    assert set(vigie.__all__) <= set(dir(vigie))
    assert vigie.Client is Client
    assert vigie.load is load
    with pytest.raises(AttributeError, match="module 'vigie' has no attribute 'lod'"):
        _ = vigie.lod


def test_an_import_loads_nothing_and_is_quick() -> None:
    code = f"""
import sys, time
before = time.process_time()
import vigie
seconds = time.process_time() - before
print([name for name in {HEAVY!r} if name in sys.modules], seconds)
"""
    found = [python(code).rsplit(" ", 1) for _ in range(3)]
    assert {loaded for loaded, _ in found} == {"[]"}
    assert min(float(seconds) for _, seconds in found) < MOST_SECONDS


def test_a_client_needs_no_engine_and_a_model_no_table_library() -> None:
    code = f"import sys, vigie; vigie.NAME; print([n for n in {HEAVY!r} if n in sys.modules])"
    assert python(code.replace("NAME", "Client")).strip() == "['numpy', 'requests']"
    loaded = python(code.replace("NAME", "load"))
    assert "pandas" not in loaded
    assert "tensorflow" not in loaded


SILENT = {
    "ORT_DISABLE_TELEMETRY": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"
}  # fmt: skip
REPORTING = re.compile(r"^ *(?:import|from) (?:onnxruntime|mlflow)\b", re.MULTILINE)
LOOK = f"""
import os, sys
class Look:
    def find_spec(self, name, *_):
        if name in ("onnxruntime", "mlflow"):
            print(name, *(os.environ.get(variable) for variable in {[*SILENT]}))
sys.meta_path.insert(0, Look())
"""


def modules_that_report() -> list[str]:
    """The modules of Vigie that import a library that reports to its makers."""
    package = Path(vigie.__file__).parent
    files = [file for file in package.rglob("*.py") if REPORTING.search(file.read_text("utf-8"))]
    return [".".join(file.relative_to(package.parent).with_suffix("").parts) for file in files]


@pytest.mark.parametrize("module", modules_that_report())
def test_no_library_reports_to_its_makers(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    for name in SILENT:
        monkeypatch.delenv(name, raising=False)
    # an import within a function comes later, with the same environment
    said = python(f"{LOOK}import {module}; import onnxruntime").split()
    assert said[:4] in (["onnxruntime", *SILENT.values()], ["mlflow", *SILENT.values()])


def test_who_wants_a_library_to_report_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SILENT:
        monkeypatch.setenv(name, "0")
    said = python(f"import os, vigie; print(*(os.environ[name] for name in {[*SILENT]}))")
    assert said.split() == ["0", "0", "0"]


def test_what_is_not_installed_is_named_with_the_extra(tmp_path: Path) -> None:
    """The module of `log_model`, where a library that it imports is not there."""
    module = tmp_path / "log_model.py"
    module.write_text("import keras_that_is_not_there\n")
    code = f"""
import importlib.util, sys
import vigie
class Find:
    def find_spec(self, name, *_):
        if name == "vigie.training.log_model":
            return importlib.util.spec_from_file_location(name, {str(module)!r})
sys.meta_path.insert(0, Find())
try:
    from vigie import log_model
except vigie.errors.MissingExtra as missing:
    print(missing)
"""
    assert python(code).strip() == (
        "vigie.log_model needs keras_that_is_not_there, which is not installed: "
        "pip install 'vigie[train]'"
    )
    assert issubclass(MissingExtra, ImportError)
    assert issubclass(MissingExtra, ConfigurationError)
