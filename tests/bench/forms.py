"""Where the forms of a model lie, what servers are asked, and what they must answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.failure import Failure

TOLERANCE = 1e-3


@dataclass(frozen=True)
class Question:
    """What one request asks: rows, or the file of a photo; and what Keras itself answers to it.

    Answers of servers may differ from those by less than `tolerance`.
    """

    content: Any
    answers: list[float]
    tolerance: float = TOLERANCE


@dataclass(frozen=True)
class Forms:
    """A model on disk in every form, and questions by what a load says that it asks.

    `keras` is a file; `saved` a SavedModel whose endpoint `serve` takes numbers [rows, 6] and
    texts [rows, 2]; `onnx` a file; `pyfunc` a model of MLflow; `cache` a cache of Vigie's;
    `bodies` holds answers as long as Vigie's, for servers without a model.
    """

    folder: Path
    questions: Mapping[str, Question]

    @property
    def keras(self) -> Path:
        return self.folder / "model.keras"

    @property
    def saved(self) -> Path:
        return self.folder / "saved_model"

    @property
    def onnx(self) -> Path:
        return self.folder / "model.onnx"

    @property
    def pyfunc(self) -> Path:
        return self.folder / "mlflow_model"

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    @property
    def bodies(self) -> Path:
        return self.folder / "answers"


def require_close(
    name: str, answers: Sequence[float], expected: Sequence[float], tolerance: float = TOLERANCE
) -> None:
    """Raises `Failure` where an answer is as much as `tolerance` from what Keras says."""
    if len(answers) != len(expected):
        raise Failure(f"{name} answers {len(answers)} numbers of {len(expected)}")
    worst = max(abs(one - other) for one, other in zip(answers, expected, strict=True))
    if not worst < tolerance:
        raise Failure(f"{name} answers otherwise than Keras: off by {worst:g}")
