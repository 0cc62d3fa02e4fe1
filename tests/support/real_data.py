"""Real data, where `VIGIE_TEST_DATA` has it: photos, weights of networks, tables."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

WEIGHTS = "weights/mobilenet_v2_1.0_224_from_int8.h5"
"""Those of MobileNetV2 on ImageNet."""


def find_data(name: str) -> Path | None:
    """A file or folder of the test data, where it is there."""
    folder = os.environ.get("VIGIE_TEST_DATA")
    path = Path(folder) / name if folder else None
    return path if path is not None and path.exists() else None


def data_for(name: str) -> Path:
    """A file or folder of the test data; without it, the test is skipped."""
    path = find_data(name)
    if path is None:
        pytest.skip(f"VIGIE_TEST_DATA has no data for {name}")
    return path
