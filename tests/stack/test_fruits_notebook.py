"""The notebook of fruits goes the whole way, on drawn photos and a small package."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from support.fruits import COMPONENTS, FEATURES, write_fruits
from support.photos import LABELS, write_labelled

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "fruits.ipynb"
EACH = 12
PLOTS = 5
# what a notebook does not say by itself; plots are numbered in the order they are made
TOLD = """
for number in plt.get_fignums():
    plt.figure(number).savefig(f"plot-{number}.png", dpi=60)
Path("told.json").write_text(json.dumps({
    "shape": features.shape, "accuracy": accuracy, "same": same, "baseline": baseline,
}))
"""


def cells() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return found


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which all cells were run; the first of its photos is broken."""
    folder = tmp_path_factory.mktemp("notebook")
    write_labelled(folder / "photos", EACH)
    (folder / "photos" / LABELS[0] / "0-broken.jpg").write_bytes(b"no photo")
    write_fruits(folder / "package")
    code = ["".join(cell["source"]) for cell in cells() if cell["cell_type"] == "code"]
    (folder / "notebook.py").write_text("\n".join([*code, TOLD]), encoding="utf-8")
    own = {
        "FRUITS_MODEL": "./package",
        "FRUITS_PHOTOS": "photos",
        "FRUITS_OUTPUT": "features",
        "FRUITS_COMPONENTS": str(COMPONENTS),
        "MPLBACKEND": "Agg",
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", "notebook.py"], cwd=folder, env=os.environ | own,
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def test_it_is_kept_without_what_it_showed() -> None:
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells())


def test_the_fruits_are_told_apart(ended: Path) -> None:
    told = json.loads((ended / "told.json").read_text())
    assert told["shape"] == [len(LABELS) * EACH, FEATURES]
    assert told["accuracy"] > 0.9 > told["baseline"]
    assert told["same"] > 0.9


def test_every_plot_shows_something(ended: Path) -> None:
    plots = sorted(ended.glob("plot-*.png"))
    assert len(plots) == PLOTS
    for path in plots:
        with Image.open(path) as plot:
            assert len(plot.convert("RGB").getcolors(1 << 24) or []) > 50
