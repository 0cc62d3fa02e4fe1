"""How much memory it takes to turn a model into a graph, by the size of its file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from vigie.errors import RefusedPackage
from vigie.sandbox.memory import in_gigabytes, require_memory
from vigie.sandbox.run import Limits

TENSORFLOW_BYTES = 2**30
"""TensorFlow itself, and the few rows that a model is tried on."""
COPIES, COPIES_OF_SAVED, COPIES_IN_ONNX = 22, 26, 6
"""Of the weights, at the same time: TensorFlow's while they become constants, and tf2onnx's.

Measured for ResNet50V2 and ResNet152V2; of an ONNX file there are fewer.
"""
_WHAT = "turning it into a package"
_SPACE = 1.4
"""Of address space, to which alone a process is held, libraries take so much more than memory."""


def limits_for(source: Path, limits: Limits | None = None) -> Limits:
    """`limits`, or without any those that a model of that size needs.

    Raises `RefusedPackage`, which names both figures, where the machine has not that much memory
    free, or `limits` do not allow it.
    """
    needed, weights = _needed(source)
    require_memory(needed, _WHAT)
    if limits is None:
        limits = Limits()
        return replace(limits, memory_bytes=max(limits.memory_bytes, int(_SPACE * needed)))
    if weights > limits.memory_bytes:
        raise RefusedPackage(
            f"{_WHAT} takes about {in_gigabytes(weights)} of memory, and "
            f"VIGIE_MAX_MODEL_MEMORY_BYTES allows {in_gigabytes(limits.memory_bytes)}"
        )
    return limits


def _needed(source: Path) -> tuple[int, int]:
    """What it takes in all, and what of it for the weights; bytes."""
    files = [source] if source.is_file() else [p for p in source.rglob("*") if p.is_file()]
    size = sum(path.stat().st_size for path in files)
    if source.suffix == ".onnx":
        return COPIES_IN_ONNX * size, COPIES_IN_ONNX * size
    weights = (COPIES if source.is_file() else COPIES_OF_SAVED) * size
    return TENSORFLOW_BYTES + weights, weights
