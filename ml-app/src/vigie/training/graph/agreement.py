"""Whether an ONNX graph answers as the model that it was made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from vigie.engines.onnx import OnnxEngine
from vigie.errors import DataError, ModelFailure

RELATIVE_TOLERANCE = 1e-4
ABSOLUTE_TOLERANCE = 1e-6
VECTOR_TOLERANCE = 1e-5


def compare_graph(
    path: Path, feeds: dict[str, np.ndarray], answers: dict[str, np.ndarray]
) -> float:
    """The largest relative difference between a graph and the answers that it ought to give.

    That of a vector is relative to the largest of its numbers. Raises `DataError` where they differ
    by more than 1e-4 relative and, of the largest answer, by 1e-6 (by 1e-6 where that is below 1;
    of vectors by 1e-5).
    """
    try:
        graph = OnnxEngine(path).run(feeds)
    except ModelFailure:
        raise DataError("the exported graph does not run on the training rows") from None
    worst = 0.0
    for name, expected in answers.items():
        if not (np.isfinite(expected).all() and np.isfinite(graph[name]).all()):
            raise DataError(f"the model answers its own training rows with a {name} not finite")
        difference = np.abs(graph[name] - expected)
        allowed = absolute_tolerance(expected) + RELATIVE_TOLERANCE * np.abs(expected)
        if not np.all(difference <= allowed):
            raise DataError(f"the exported graph answers otherwise than the model: {name}")
        worst = max(worst, float(np.max(difference / (_sizes(expected) + ABSOLUTE_TOLERANCE))))
    return worst


def write_graph(
    write: Callable[[Path], None],
    path: Path,
    feeds: dict[str, np.ndarray],
    answers: dict[str, np.ndarray],
) -> tuple[float | None, str | None]:
    """Writes a graph and compares it: the largest difference, or why there is no graph at `path`.

    Whatever `write` raises is a reason.
    """
    try:
        write(path)
        return compare_graph(path, feeds, answers), None
    except DataError as differs:
        problem = str(differs)
    except Exception as failure:
        problem = f"tf2onnx cannot convert it ({type(failure).__name__})"
    path.unlink(missing_ok=True)
    return None, problem


def absolute_tolerance(answers: np.ndarray) -> float:
    """What float32 may lose near 0 where sums of numbers as large as the answers are taken.

    A number of a vector is what is left of many larger ones: there it is more.
    """
    tolerance = VECTOR_TOLERANCE if _are_vectors(answers) else ABSOLUTE_TOLERANCE
    return tolerance * max(1.0, float(np.abs(answers).max(initial=0)))


def _sizes(answers: np.ndarray) -> np.ndarray:
    """What a difference is relative to: each answer, or the largest number of its vector."""
    sizes: np.ndarray = np.abs(answers)
    if _are_vectors(answers):
        sizes = sizes.max(axis=tuple(range(1, sizes.ndim)), keepdims=True)
    return sizes


def _are_vectors(answers: np.ndarray) -> bool:
    """True for several numbers a row, unless they are shares, 0 to 1."""
    return answers.size > len(answers) and float(np.abs(answers).max(initial=0)) > 1
