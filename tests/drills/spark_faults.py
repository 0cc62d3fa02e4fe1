"""What ends a run of Spark from outside: a full disk, or Java that is killed or has no memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.broken_photos import write_many
from support.photos import photo_bytes
from support.quarters_package import write_quarters
from support.small_disk import small_disk
from support.waiting import wait_until

PHOTOS, BROKEN_EACH = 600, 10
ROOM_FOR_SOME = 80 * 1024
"""Bytes: for the state and some of the parts."""
ROOM_FOR_THE_START = 200 * 1024
"""Bytes: for the package, and not for what tasks hand each other."""
LARGE, LARGE_PHOTOS = 12 * 2**20, 64
RUN_SECONDS = 900


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package and photos, some of them broken."""
    folder = tmp_path_factory.mktemp("faults")
    write_quarters(folder / "package")
    write_many(folder / "photos", PHOTOS, BROKEN_EACH)
    return folder


def command(root: Path, photos: Path, output: Path, *options: str) -> list[str]:
    words = [sys.executable, "-m", "vigie", "spark", "features", str(root / "package")]
    words += ["--input", str(photos), "--output", str(output), "--master", "local[2]", *options]
    return words


def run(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=RUN_SECONDS)


def sentence_of(stderr: str) -> str:
    """The one line that is no progress; nothing else may stand there."""
    progress = ("input ", "features ", "PCA ", "tables ")
    lines = [
        line
        for line in stderr.strip().splitlines()
        if not line.startswith(progress) and " photos, " not in line
    ]
    assert len(lines) == 1, stderr
    return lines[0].removeprefix("vigie: ")


def state_of(output: Path) -> str:
    return str(json.loads((output / "_vigie.json").read_text())["state"])


def require_whole(words: list[str], output: Path) -> None:
    """The same command goes on and ends with every photo."""
    done = run(words)
    assert done.returncode == 1, done.stderr
    counts = json.loads((output / "_vigie.json").read_text())["counts"]
    assert (counts["read"], counts["quarantined"]) == (PHOTOS, PHOTOS // BROKEN_EACH)


def test_a_full_disk_of_the_output(root: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", ROOM_FOR_SOME) as disk:
        output = disk / "out"
        words = command(root, root / "photos", output)
        done = run(words)
        assert done.returncode == 2
        assert sentence_of(done.stderr).startswith("the disk of the output is full: make room")
        # some was written, and none of it is taken for whole
        assert list((output / "_parts").glob("*/part-*.parquet"))
        assert state_of(output) == "begun"
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True, timeout=30)
        require_whole(words, output)


def test_a_full_disk_of_spark_s_own(root: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    with small_disk(tmp_path / "disk", ROOM_FOR_THE_START) as disk:
        own = ("--conf", f"spark.local.dir={disk}", "--components", "2")
        done = run(command(root, root / "photos", output, *own))
        assert done.returncode == 2
        told = sentence_of(done.stderr)
    assert told.startswith("the disk of Spark's own files is full: make room or name another")
    assert "spark.local.dir=FOLDER" in told
    assert state_of(output) == "begun"
    require_whole(command(root, root / "photos", output, "--components", "2"), output)


def java_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return [one for one in psutil.Process(process.pid).children() if one.name() == "java"]


@pytest.mark.parametrize("begun", ["_parts", "_parts/*/part-*.parquet"])
def test_a_java_that_is_killed(root: Path, tmp_path: Path, begun: str) -> None:
    output = tmp_path / "out"
    words = command(root, root / "photos", output)
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_until(lambda: any(output.glob(begun)) or process.poll() is not None, RUN_SECONDS)
        (java,) = java_of(process)
        java.kill()
        _, stderr = process.communicate(timeout=RUN_SECONDS)
    assert process.returncode == 2
    assert sentence_of(stderr).startswith("Java has ended in the middle of the run: it was killed")
    assert state_of(output) == "begun"
    require_whole(words, output)


def test_a_java_without_memory(root: Path, tmp_path: Path) -> None:
    # a row group of which Spark has several rows in memory at once
    large = photo_bytes("red") + b"\0" * LARGE
    rows = {"name": [f"{n}.jpg" for n in range(LARGE_PHOTOS)], "content": [large] * LARGE_PHOTOS}
    pq.write_table(pa.table(rows), tmp_path / "photos.parquet", use_dictionary=False)
    small = ("--conf", "spark.driver.memory=512m")
    done = run(command(root, tmp_path / "photos.parquet", tmp_path / "out", *small))
    assert done.returncode == 2
    assert "spark.driver.memory=4g" in sentence_of(done.stderr)
