"""What turning a model into a graph may take, by the size of its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from vigie.errors import RefusedPackage
from vigie.sandbox import memory as machine
from vigie.sandbox.run import Limits
from vigie.training.imported.memory import limits_for

GIGA = 10**9


@pytest.fixture(autouse=True)
def sixteen_gigabytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "meminfo"
    told.write_text(f"MemTotal: {16 * GIGA // 1024} kB\nMemAvailable: {16 * GIGA // 1024} kB\n")
    monkeypatch.setattr(machine, "MEMINFO", told)
    monkeypatch.setattr(machine, "CGROUP", tmp_path / "none")


def model_of(path: Path, size: int) -> Path:
    """A file of that size that takes no room on the disk."""
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size)
    return path


def test_a_small_model_has_what_every_model_has(tmp_path: Path) -> None:
    assert limits_for(model_of(tmp_path / "a.keras", 1000)) == Limits()


def test_a_large_one_has_more_and_a_graph_of_that_size_does_not_need_it(tmp_path: Path) -> None:
    large = limits_for(model_of(tmp_path / "a.keras", 600 * 10**6))
    assert large.memory_bytes > 15 * GIGA
    assert limits_for(model_of(tmp_path / "a.onnx", 600 * 10**6)) == Limits()


def test_what_does_not_fit_is_told_with_both_figures(tmp_path: Path) -> None:
    folder = model_of(tmp_path / "saved" / "variables.data", 900 * 10**6).parent
    with pytest.raises(RefusedPackage, match=r"takes about 24 GB of memory, and 16 GB are free"):
        limits_for(folder)
    small = Limits(10**9)
    assert limits_for(model_of(tmp_path / "a.h5", 1000), small) == small
    with pytest.raises(RefusedPackage, match=r"2.2 GB of memory, and VIGIE_MAX_MODEL_MEMORY_BYTES"):
        limits_for(model_of(tmp_path / "a.h5", 10**8), small)
