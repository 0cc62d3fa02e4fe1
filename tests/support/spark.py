"""What a worker of Spark has, without Spark."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from vigie.engines.predictor import Predictor
from vigie.spark.shipping import ShippedPackage


class Counter:
    """What an accumulator is to a task."""

    def __init__(self) -> None:
        self.value = 0

    def add(self, number: int) -> None:
        self.value += number


def counter() -> Any:
    return Counter()


class Here:
    """A package that was shipped here: it opens as the predictor that there is."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    def open(self) -> Predictor:
        return self._predictor


def shipped(predictor: Predictor) -> ShippedPackage:
    return cast(ShippedPackage, Here(predictor))


def uri(path: Path) -> str:
    """The URI of a path of this machine, as the commands make it."""
    from vigie.spark.uri import uri_of

    return uri_of(str(path))
