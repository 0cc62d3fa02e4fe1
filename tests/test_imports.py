"""Imports point one way, are not deep, and the rules that say so can fail."""

from __future__ import annotations

import shutil
import subprocess
import sys
from graphlib import CycleError
from pathlib import Path

import pytest

from support.imports import graph_of, longest_chain

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "ml-app" / "src" / "vigie"

PLANTED = {
    "models/document.py": "import vigie.registry.cache",
    "registry/gate/integrity.py": "import vigie.training.networks",
    "loose.py": "",
    "serving/runtime/messages.py": "import vigie.serving.pipeline",
    "serving/problems.py": "import vigie.serving.dialects.native",
    "serving/web/form.py": "import vigie.serving.api.operations",
    "serving/loose.py": "",
    "training/graph/agreement.py": "import vigie.training.own.table",
    "serving/pipeline.py": "import tensorflow",
    "monitoring/bins.py": "def load():\n    import keras",
    "batch/listing.py": "import pyspark.sql",
    "spark/state.py": "import vigie.batch.table",
}
"""What breaks a rule, by the file that it is added to."""

SEEN = [
    "Layers point one way BROKEN",
    "vigie.models.document -> vigie.registry.cache",
    "vigie.registry.gate.integrity -> vigie.training.networks",
    "The rooms of serving point one way BROKEN",
    "vigie.serving.runtime.messages -> vigie.serving.pipeline",
    "vigie.serving.problems -> vigie.serving.dialects.native",
    "vigie.serving.web.form -> vigie.serving.api.operations",
    "The rooms of training point one way BROKEN",
    "vigie.training.graph.agreement -> vigie.training.own.table",
    "TensorFlow is imported in three places BROKEN",
    "vigie.serving.pipeline -> tensorflow",
    "vigie.monitoring.bins -> keras",
    "Spark is imported in one place BROKEN",
    "vigie.batch.listing -> pyspark",
    "vigie.spark.state -> vigie.batch.table",
]


@pytest.mark.parametrize(("lazy", "most"), [(False, 12), (True, 18)], ids=["at start", "ever"])
def test_imports_are_not_deep_and_have_no_cycle(lazy: bool, most: int) -> None:
    chain = longest_chain(graph_of(PACKAGE, lazy))
    assert len(chain) <= most, " > ".join(chain)


def test_a_cycle_and_a_deep_import_are_seen(tmp_path: Path) -> None:
    package = tmp_path / "vigie"
    package.mkdir()
    for number in range(5):
        (package / f"m{number}.py").write_text(f"def f():\n    import vigie.m{number + 1}\n")
    (package / "m5.py").write_text("import vigie.m6\n")
    (package / "m6.py").write_text("")
    assert longest_chain(graph_of(package, lazy=False)) == ["vigie.m5", "vigie.m6"]
    assert len(longest_chain(graph_of(package, lazy=True))) == 7
    (package / "m6.py").write_text("from vigie import m0\n")
    with pytest.raises(CycleError):
        longest_chain(graph_of(package, lazy=True))


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """What import-linter says of a copy of the package in `folder`."""
    shutil.copy(ROOT / "pyproject.toml", folder)
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [str(program), "--no-cache"],
        cwd=folder, env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(folder)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_every_rule_sees_what_breaks_it(tmp_path: Path) -> None:
    copy = tmp_path / "vigie"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    loose = [name for name, line in PLANTED.items() if not line]
    for name, line in PLANTED.items():
        if line:
            path = copy / name
            path.write_text(f"{path.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")
    said = lint(tmp_path)
    assert said.returncode == 1
    assert [text for text in SEEN if text not in said.stdout] == []
    for name in loose:
        (copy / name).write_text("")
    said = lint(tmp_path)
    assert said.returncode == 1
    for name in loose:
        assert f"vigie.{name.removesuffix('.py').replace('/', '.')}" in said.stdout + said.stderr
