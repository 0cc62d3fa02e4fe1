"""The disk of the data: formatted once, never where it holds anything, mounted, grown."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.loop_disk import LoopDisk, loop_disk, may_grow_ext4, run
from support.playbook import FOLDER

TOOL = FOLDER / "roles" / "disk" / "files" / "vigie-disk"
MIB = 2**20
SIZE = 320 * MIB
"""Enough for XFS too."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[LoopDisk]:
    with loop_disk(tmp_path / "disk", SIZE) as made:
        try:
            yield made
        finally:
            if os.path.ismount(tmp_path / "data"):
                run("umount", str(tmp_path / "data"))


def call(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TOOL, *words], env={**os.environ, "VIGIE_DISK_NOTE": str(folder / "note")},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def prepare(folder: Path, device: str) -> list[str]:
    done = call(folder, "prepare", device, str(folder / "data"))
    assert done.returncode == 0, done.stderr
    return [line.split()[0] for line in done.stdout.splitlines()]


def refusal(folder: Path, device: str) -> str:
    done = call(folder, "prepare", device, str(folder / "data"))
    assert done.returncode == 1
    assert done.stdout == ""
    assert not os.path.ismount(folder / "data")
    (line,) = done.stderr.splitlines()
    return line


def test_a_disk_that_does_not_grow_is_mounted_all_the_same(
    disk: LoopDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(tmp_path, disk.device)
    disk.grow(2 * SIZE)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "resize2fs").write_text("#!/bin/sh\necho first >&2\necho 'no right' >&2\nexit 1\n")
    (programs / "resize2fs").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    done = call(tmp_path, "prepare", disk.device, str(tmp_path / "data"))
    assert done.returncode == 1
    assert "does not grow: no right" in done.stderr
    run("umount", str(tmp_path / "data"))
    done = call(tmp_path, "mount", str(tmp_path / "data"))
    assert done.returncode == 0
    assert "does not grow: no right" in done.stderr
    assert os.path.ismount(tmp_path / "data")


def digest(disk: LoopDisk) -> str:
    return run("sha256sum", disk.device)


def test_an_empty_disk_is_formatted_once(disk: LoopDisk, tmp_path: Path) -> None:
    assert prepare(tmp_path, disk.device) == ["formatted", "mounted", "noted"]
    (tmp_path / "data" / "kept").write_text("kept")
    assert prepare(tmp_path, disk.device) == []
    run("umount", str(tmp_path / "data"))
    # another machine, which knows nothing of it
    (tmp_path / "note").unlink()
    assert prepare(tmp_path, disk.device) == ["mounted", "noted"]
    assert (tmp_path / "data" / "kept").read_text() == "kept"


def test_it_is_mounted_by_what_it_is_and_not_by_its_name(disk: LoopDisk, tmp_path: Path) -> None:
    prepare(tmp_path, disk.device)
    (tmp_path / "data" / "kept").write_text("kept")
    run("umount", str(tmp_path / "data"))
    run("losetup", "--detach", disk.device)
    with loop_disk(tmp_path / "other", SIZE) as other:
        disk.device = run("losetup", "--find", "--show", str(disk.file)).strip()
        assert other.device != disk.device
        assert call(tmp_path, "mount", str(tmp_path / "data")).returncode == 0
        assert (tmp_path / "data" / "kept").read_text() == "kept"


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_a_disk_that_grew_is_grown(disk: LoopDisk, tmp_path: Path, kind: str) -> None:
    if shutil.which(f"mkfs.{kind}") is None:
        pytest.skip(f"mkfs.{kind} is not installed")
    if kind == "ext4" and not may_grow_ext4():
        pytest.skip("a mounted ext4 grows with CAP_SYS_RESOURCE alone")
    run(f"mkfs.{kind}", "-q", disk.device)
    assert prepare(tmp_path, disk.device) == ["mounted", "noted"]
    before = shutil.disk_usage(tmp_path / "data").total
    disk.grow(2 * SIZE)
    assert prepare(tmp_path, disk.device) == ["grown"]
    assert shutil.disk_usage(tmp_path / "data").total > 1.8 * before
    run("umount", str(tmp_path / "data"))
    disk.grow(3 * SIZE)
    done = call(tmp_path, "mount", str(tmp_path / "data"))
    assert "grown" in done.stdout, done.stderr


def write(disk: LoopDisk, place: int, content: bytes) -> None:
    with Path(disk.device).open("r+b") as file:
        file.seek(place)
        file.write(content)


def test_what_holds_anything_is_left_as_it_is(disk: LoopDisk, tmp_path: Path) -> None:
    plants: dict[str, Callable[[], object]] = {
        "swap": lambda: run("mkswap", disk.device),
        # a table with one partition of Linux
        "dos": lambda: write(
            disk,
            446,
            bytes(4) + b"\x83" + bytes(4) + b"\x08" + bytes(2) + b"\x08" + bytes(51) + b"\x55\xaa",
        ),
        "something": lambda: write(disk, 8 * MIB, b"a"),
        "holds something": lambda: write(disk, SIZE - 9, b"a"),
    }
    for word, plant in plants.items():
        run("blkdiscard", "--force", "--zeroout", disk.device)
        plant()
        before = digest(disk)
        said = refusal(tmp_path, disk.device)
        assert f"{word} and is left as it is" in said
        assert digest(disk) == before


def test_what_the_disk_would_hide_is_told(disk: LoopDisk, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "old").touch()
    before = digest(disk)
    assert "holds something, which the disk would hide" in refusal(tmp_path, disk.device)
    assert digest(disk) == before
    run("mkfs.ext4", "-q", disk.device)
    assert "would hide" in call(tmp_path, "prepare", disk.device, str(tmp_path / "data")).stderr


def test_another_disk_at_the_place_is_told(disk: LoopDisk, tmp_path: Path) -> None:
    prepare(tmp_path, disk.device)
    with loop_disk(tmp_path / "other", SIZE) as other:
        run("mkfs.ext4", "-q", other.device)
        done = call(tmp_path, "prepare", other.device, str(tmp_path / "data"))
        assert done.returncode == 1
        assert "another disk is mounted at" in done.stderr
    assert prepare(tmp_path, disk.device) == []


def test_the_system_disk_is_refused(disk: LoopDisk, tmp_path: Path) -> None:
    root = run("findmnt", "--noheadings", "--output", "SOURCE", "/").strip()
    if not Path(root).is_block_device():
        pytest.skip("the system of this computer lies on no disk of its own")
    assert "is the system disk" in refusal(tmp_path, root)


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    assert "there is no disk /dev/none" in refusal(tmp_path, "/dev/none")
    done = call(tmp_path, "mount", str(tmp_path / "data"))
    assert done.returncode == 1
    assert "no disk was prepared" in done.stderr
