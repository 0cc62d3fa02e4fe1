"""One decoded request on its way through a slot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vigie.engines.predictor import Answers
from vigie.models.rows import Decoded
from vigie.serving.runtime.loaded_model import LiveModel


@dataclass(slots=True)
class Job:
    """Rows that were checked alone against one version, and when they must be answered.

    `deadline` and `queued` are readings of `time.perf_counter()`, seconds. `wish` is what the
    dialect must know to write the answer.
    """

    live: LiveModel
    decoded: Decoded
    deadline: float
    queued: float = 0.0
    wish: Any = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answers to exactly the rows of one job, and how long they waited and ran, seconds."""

    answers: Answers
    queue_seconds: float
    infer_seconds: float
