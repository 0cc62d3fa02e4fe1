"""What a run of `vigie spark features` wrote, by pyarrow: it is plain Parquet for others too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset as ds

from vigie.spark.features import FeaturesSummary

Run = Callable[..., FeaturesSummary]


def rows_of(output: Path, table: str = "features") -> dict[str, dict[str, Any]]:
    """The rows of a table by the names of their photos."""
    found = ds.dataset(output / table, partitioning="hive").to_table().to_pylist()
    return {row["name"]: row for row in found}


def vectors_of(output: Path) -> dict[str, bytes]:
    """The bytes of each photo's vector."""
    rows = rows_of(output).values()
    return {row["name"]: np.array(row["vector"], np.float32).tobytes() for row in rows}
