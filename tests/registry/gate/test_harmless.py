from __future__ import annotations

from pathlib import Path

import pytest

from vigie.errors import RefusedPackage
from vigie.registry.gate.harmless import check_harmless


def test_what_mlflow_writes_is_harmless(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/keras_module.txt").write_text("keras")
    (tmp_path / "MLmodel").write_text(
        "flavors:\n  python_function:\n    loader_module: mlflow.keras\n"
    )
    check_harmless(tmp_path)


@pytest.mark.parametrize(
    "line", ["keras_module: evil", "{loader_module: 'evil'}", '"loader_module" : "evil"']
)
def test_a_module_of_somebody_else(tmp_path: Path, line: str) -> None:
    (tmp_path / "MLmodel").write_text(line)
    with pytest.raises(RefusedPackage, match="names a module to import"):
        check_harmless(tmp_path)


@pytest.mark.parametrize("name", ["model.pkl", "code/x.py", "x.SO"])
def test_code(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(RefusedPackage, match="code or a pickle"):
        check_harmless(tmp_path)
