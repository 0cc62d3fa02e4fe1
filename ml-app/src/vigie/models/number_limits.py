"""The largest numbers that the tensors of a graph hold."""

from __future__ import annotations

FLOAT32_MAX = 3.4028234663852886e38
INT64_MAX = float(2**63 - 1024)
"""The largest number of int64 that a float holds."""
