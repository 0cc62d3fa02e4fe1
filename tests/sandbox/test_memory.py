"""What the machine and its control group say of memory, and what becomes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from vigie.errors import BrokenPackage
from vigie.sandbox import memory
from vigie.sandbox.memory import free_memory, in_gigabytes, require_memory, usable_memory

KILO = 1024


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of 8,000,000 kB, 6,000,000 of them free, and a folder for its control group."""
    told = tmp_path / "meminfo"
    told.write_text("MemTotal:  8000000 kB\nMemFree: 1 kB\nMemAvailable:  6000000 kB\n")
    monkeypatch.setattr(memory, "MEMINFO", told)
    monkeypatch.setattr(memory, "CGROUP", tmp_path / "group")
    (tmp_path / "group" / "memory").mkdir(parents=True)
    return tmp_path / "group"


def test_without_a_control_group_it_is_the_machines(machine: Path) -> None:
    assert (usable_memory(), free_memory()) == (8_000_000 * KILO, 6_000_000 * KILO)


def test_no_limit_is_none(machine: Path) -> None:
    (machine / "memory.max").write_text("max\n")
    assert usable_memory() == 8_000_000 * KILO
    (machine / "memory" / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert usable_memory() == 8_000_000 * KILO


@pytest.mark.parametrize("version", [1, 2])
def test_a_container_has_its_share_and_files_give_way(machine: Path, version: int) -> None:
    names = ("memory.max", "memory.current", "memory.stat")
    kind = "inactive_file"
    if version == 1:
        machine, kind = machine / "memory", "total_inactive_file"
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat")
    for name, text in zip(names, ("3000", "2500", f"anon 7\n{kind} 1500\n"), strict=True):
        (machine / name).write_text(text)
    assert usable_memory() == 3000
    assert free_memory() == 3000 - (2500 - 1500)


def test_both_figures_are_named_where_it_does_not_fit(machine: Path) -> None:
    require_memory(6_000_000 * KILO, "to look at it")
    with pytest.raises(BrokenPackage) as refused:
        require_memory(7_000_000_000, "to look at it")
    assert str(refused.value) == (
        "to look at it takes about 7 GB of memory, and 6.1 GB are free here"
    )


def test_where_nothing_tells_nothing_is_refused(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "MEMINFO", machine / "none")
    assert (usable_memory(), free_memory()) == (None, None)
    require_memory(10**15, "to look at it")


def test_bytes_are_written_short() -> None:
    assert [in_gigabytes(n) for n in (10**8, 2**30, 9_940_000_000, 24 * 10**9)] == [
        "0.1 GB", "1.1 GB", "9.9 GB", "24 GB",
    ]  # fmt: skip
