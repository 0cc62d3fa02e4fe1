"""Runs of `vigie spark features` in containers: what goes in, and what comes out."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset as ds

from support.compose import IMAGES
from support.drawn_photos import draw_folder
from support.quarters_package import write_quarters

OWNER = 4321
"""The user to whom the data belong, unknown to the image."""
EACH, BROKEN = 400, 3
"""Enough for some tasks an executor: there is a middle in which one can be lost."""
PHOTOS = 3 * EACH
SOME_FAILED = 1
RUN_SECONDS = 900
MODEL, PHOTOS_FOLDER, ALONE = "model", "photos", "alone"
RUN_ON_ONE_MACHINE = (
    "spark", "features", f"/data/{MODEL}", "--input", f"/data/{PHOTOS_FOLDER}", "--output",
    f"/data/{ALONE}", "--master", "local[2]",
)  # fmt: skip


def write_data(folder: Path, owner: int = OWNER) -> Path:
    """A package and its photos, some of them broken; all of it `owner`'s. Gives the folder."""
    write_quarters(folder / MODEL)
    draw_folder(folder / PHOTOS_FOLDER, EACH)
    for number in range(BROKEN):
        (folder / PHOTOS_FOLDER / "dots" / f"broken-{number}.jpg").write_bytes(b"<html>")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner, owner)
    return folder


def run_on_one_machine(folder: Path, owner: int = OWNER) -> dict[str, np.ndarray]:
    """The features that the same image computes in local mode."""
    done = subprocess.run(
        [
            "docker", "run", "--rm", "--user", f"{owner}:{owner}", "-v", f"{folder}:/data",
            IMAGES["VIGIE_SPARK_IMAGE"], *RUN_ON_ONE_MACHINE,
        ],
        capture_output=True, text=True, check=False, timeout=RUN_SECONDS,
    )  # fmt: skip
    assert done.returncode == SOME_FAILED, done.stderr
    return features_of(folder / ALONE)


def features_of(output: Path) -> dict[str, np.ndarray]:
    """The vector of every photo; fails where counts or quarantine are not what they must be."""
    counts = json.loads((output / "_vigie.json").read_text())["counts"]
    found = [counts[name] for name in ("read", "written", "quarantined")]
    assert found == [PHOTOS + BROKEN, PHOTOS, BROKEN], counts
    assert len(_rows(output / "quarantine")) == BROKEN
    rows = _rows(output / "features")
    assert len(rows) == PHOTOS
    vectors = {row["name"]: np.asarray(row["vector"], np.float32) for row in rows}
    assert len(vectors) == PHOTOS
    return vectors


def assert_same(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> None:
    """Every photo has the very same numbers in both."""
    assert left.keys() == right.keys()
    for name, vector in left.items():
        assert vector.tobytes() == right[name].tobytes(), name


def _rows(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ds.dataset(folder, partitioning="hive").to_table().to_pylist()
    return found
