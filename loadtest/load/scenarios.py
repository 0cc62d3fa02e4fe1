"""What callers do, each with what it may cost them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from load.failure import LoadError
from load.thresholds import Thresholds

Dialect = Literal["native", "tfserving", "v2", "invocations"]
Content = Literal["rows", "photos"]


@dataclass(frozen=True)
class Scenario:
    """What one caller does again and again.

    Attributes:
        title: In words, for reports.
        dialect: How it asks.
        content: What it asks about.
        thresholds: What a run of it must keep to, unless something else is told.
        feedback: Whether it says afterwards what turned out to be true.
        pages: Whether it looks at the form now and then.
    """

    title: str
    dialect: Dialect
    content: Content
    thresholds: Thresholds
    feedback: bool = False
    pages: bool = False


ROWS = Thresholds(p99_ms=50, rate=100)
PHOTOS = Thresholds(p99_ms=1000, rate=5)
SCENARIOS = {
    "native": Scenario("rows, POST /predict", "native", "rows", ROWS),
    "tfserving": Scenario("rows, as to TensorFlow Serving", "tfserving", "rows", ROWS),
    "v2": Scenario("rows, Open Inference Protocol V2", "v2", "rows", ROWS),
    "invocations": Scenario("rows, as to MLflow", "invocations", "rows", ROWS),
    "native-photos": Scenario("photos as they are, POST /predict", "native", "photos", PHOTOS),
    "tfserving-photos": Scenario(
        "photos in base64, as to TensorFlow Serving", "tfserving", "photos", PHOTOS
    ),
    "v2-photos": Scenario("photos in base64, Open Inference Protocol V2", "v2", "photos", PHOTOS),
    "invocations-photos": Scenario(
        "photos in base64, as to MLflow", "invocations", "photos", PHOTOS
    ),
    # a truth is in the database before its answer is out
    "feedback": Scenario(
        "rows, and what turned out to be true", "native", "rows",
        Thresholds(p99_ms=250, rate=20), feedback=True,
    ),
    "visits": Scenario(
        "rows, and a look at the form now and then", "native", "rows",
        Thresholds(p99_ms=250, rate=100), pages=True,
    ),
}  # fmt: skip


def scenario(name: str) -> Scenario:
    """The scenario of this name; `LoadError` lists them where there is none."""
    if name not in SCENARIOS:
        raise LoadError(f"there is no scenario {name}; there are: {', '.join(SCENARIOS)}")
    return SCENARIOS[name]
