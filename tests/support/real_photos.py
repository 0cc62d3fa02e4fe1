"""Photos and weights of real networks, where `VIGIE_TEST_DATA` has them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

WEIGHTS = "weights/mobilenet_v2_1.0_224_from_int8.h5"


def data_for(name: str) -> Path:
    """A file or folder of the test data; without it, the test is skipped."""
    path = Path(os.environ.get("VIGIE_TEST_DATA", "")) / name
    if not os.environ.get("VIGIE_TEST_DATA") or not path.exists():
        pytest.skip(f"VIGIE_TEST_DATA has no data for {name}")
    return path


def fruit_photos(most: int) -> list[Path]:
    """So many photos of fruits, of as many kinds as there are."""
    kinds = sorted(path for path in data_for("fruits").iterdir() if path.is_dir())
    return [min(kind.glob("*.jpg")) for kind in kinds][:most]
