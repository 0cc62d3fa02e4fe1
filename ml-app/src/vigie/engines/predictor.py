"""A package with its engine: checked columns in, answers out; for training, batch and serving."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.errors import ModelFailure, RefusedPackage
from vigie.models.decoding import RowDecoder
from vigie.models.feeds import FeedBuilder
from vigie.models.interval import Interval
from vigie.models.model_output import best_labels
from vigie.models.neighbours import Nearest

if TYPE_CHECKING:
    from vigie.engines.base import Engine, Feeds
    from vigie.models.document import PackageDocument
    from vigie.models.model_output import Output
    from vigie.models.package import Package


_MOST_ROWS = 1024
"""In one call: what is computed on the way stays near the processor, which more rows would not."""


@dataclass(slots=True)
class Answers:
    """What a model answered for some rows: each output [rows, …], and the interval's bounds.

    `nearest` are the reference rows of the package that they are most like, where it has some.
    Nobody changes them; they are not declared frozen only because that takes four times as long.
    """

    outputs: dict[str, np.ndarray]
    lower: np.ndarray | None = None
    upper: np.ndarray | None = None
    nearest: Nearest | None = None

    def labels(self, document: PackageDocument) -> list[str]:
        """The label of each row, of a classification: the one with the highest score."""
        return best_labels(document.labels, self.outputs[document.outputs[0].name])

    def without_neighbours(self) -> Answers:
        """The same without neighbours: these hold on to all that the package has to compare."""
        if self.nearest is None:
            return self
        return Answers(self.outputs, self.lower, self.upper)

    def parts(self, sizes: Sequence[int]) -> list[Answers]:
        """The answers of so many rows each, one after another."""
        if len(sizes) == 1:
            return [self]
        parts: list[Answers] = []
        start = 0
        for size in sizes:
            rows = slice(start, start := start + size)
            parts.append(
                Answers(
                    {name: values[rows] for name, values in self.outputs.items()},
                    None if self.lower is None else self.lower[rows],
                    None if self.upper is None else self.upper[rows],
                    None if self.nearest is None else self.nearest.rows(rows.start, rows.stop),
                )
            )
        return parts


@dataclass(frozen=True, slots=True)
class _Read:
    """How an output is read of its tensor: its values are [rows, …]."""

    name: str
    tensor: str
    shape: tuple[int, ...]
    decimals: int | None

    def values(self, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
        """The values, as the graph gave them; `ModelFailure` where one is not finite."""
        values = tensors[self.tensor].reshape(self.shape)
        # of one number by Python; else the bare reduction, for `all` has a detour through Python
        finite = (
            math.isfinite(values.item())
            if values.size == 1
            else np.logical_and.reduce(np.isfinite(values), axis=None)
        )
        if not finite:
            raise ModelFailure(
                "The model answered with a number that is not finite.", "nonfinite_output"
            )
        return values


def _read(output: Output) -> _Read:
    return _Read(output.name, output.tensor, (-1, *output.shape), output.decimals)


class Predictor:
    """One loaded model version."""

    def __init__(self, package: Package, engine: Engine) -> None:
        self.package = package
        self.engine = engine
        document = package.document
        self.decoder = RowDecoder(document.inputs)
        self._feeds = FeedBuilder(document.inputs)
        self._first = document.inputs[0].name
        self._every = [_read(output) for output in document.outputs]
        self._shown = [_read(output) for output in document.shown_outputs]
        self._neighbourhood = document.neighbours
        self._wanted = self._shown_tensors(document)
        self._interval = Interval.from_dict(document.interval) if document.interval else None
        # the first one with an interval is rounded together with its ends
        alone = self._every[1:] if self._interval else self._every
        self._rounded = [(one.name, one.decimals) for one in alone if one.decimals is not None]
        self._rows_at_once = min(document.rows_at_once, _MOST_ROWS)

    def _shown_tensors(self, document: PackageDocument) -> list[str] | None:
        """The tensors of an answer; `None` for every one: then nothing need be looked up."""
        if len(self._shown) == len(self._every):
            return None
        known = document.answer_names()
        compared = [known[self._neighbourhood.output]] if self._neighbourhood else []
        return list(dict.fromkeys(output.tensor for output in (*document.shown_outputs, *compared)))

    def predict(
        self,
        columns: Mapping[str, Any],
        *,
        every_output: bool = False,
        neighbours: bool = True,
    ) -> Answers:
        """Answers for columns of `RowDecoder`, lists or arrays of all rows.

        Raises `ModelFailure` where a number is not finite.

        With `every_output` also those that are not shown; without `neighbours` nothing is compared
        with the reference rows of the package, which takes its time with each row.
        """
        wanted, reads = (None, self._every) if every_output else (self._wanted, self._shown)
        tensors = self._run(self._feeds.build(columns), wanted)
        outputs = {read.name: read.values(tensors) for read in reads}
        return self._finish(outputs, self._nearest(tensors) if neighbours else None)

    def _nearest(self, tensors: Mapping[str, np.ndarray]) -> Nearest | None:
        """What the rows are most like, where the package has something to compare them with."""
        among, described = self.package.neighbours, self._neighbourhood
        if among is None or described is None:
            return None
        output = self.package.document.answer_names()[described.output]
        return Nearest(among, *among.nearest(_read(output).values(tensors), described.count))

    def _run(self, feeds: Feeds, wanted: Sequence[str] | None) -> dict[str, np.ndarray]:
        rows, most = len(feeds[self._first]), self._rows_at_once
        if rows <= most:
            return self.engine.run(feeds, wanted)
        parts = [
            self.engine.run(
                {name: array[start : start + most] for name, array in feeds.items()}, wanted
            )
            for start in range(0, rows, most)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _finish(self, outputs: dict[str, np.ndarray], nearest: Nearest | None) -> Answers:
        lower = upper = None
        first, decimals = self._every[0].name, self._every[0].decimals
        for name, places in self._rounded:
            if name in outputs:
                outputs[name] = outputs[name].astype(np.float64).round(places)
        if self._interval is not None:
            made = self._interval.around(outputs[first])
            if decimals is not None:
                made.round(decimals, made)
                outputs[first] = made[0]
            lower, upper = made[1], made[2]
        return Answers(outputs, lower, upper, nearest)

    def check_golden(self) -> None:
        """Refuses unless the golden rows get the recorded answers."""
        golden = self.package.golden
        if missing := {read.tensor for read in self._every} - self._tensor_names():
            raise RefusedPackage(f"the graph has no output named {min(missing)}")
        decoded = self.decoder.decode(list(golden.rows))
        answers = self.predict(decoded.columns, every_output=True, neighbours=False)
        golden.check(answers.outputs)

    def _tensor_names(self) -> set[str]:
        decoded = self.decoder.decode([self.package.golden.rows[0]])
        return set(self.engine.run(self._feeds.build(decoded.columns)))


def wanted_engine(package: Package, engine: str) -> str:
    """The engine that is asked for; `auto` is the one the package names."""
    return package.document.engine if engine == "auto" else engine


def open_predictor(package: Package, engine: str = "auto", threads: int = 1) -> Predictor:
    """A predictor on the engine that is asked for; `auto` takes the one the package names."""
    if wanted_engine(package, engine) == "onnx":
        if not package.onnx_path.is_file():
            raise RefusedPackage("the package has no vigie/model.onnx; set VIGIE_ENGINE=tensorflow")
        from vigie.engines.onnx import OnnxEngine

        return Predictor(package, OnnxEngine(package.onnx_path, threads))
    if package.document.provenance.quantization is not None:
        raise RefusedPackage(
            "its graph is an int8 one, which answers close to the Keras model and not equal; "
            "set VIGIE_ENGINE=auto"
        )
    try:
        from vigie.engines.tensorflow import TensorFlowEngine
    except ImportError:
        raise RefusedPackage(
            "this model needs the TensorFlow engine, which is not installed here "
            "(pip install 'vigie[tensorflow]', or the serve-tensorflow image)"
        ) from None
    keras_engine = TensorFlowEngine(package.keras_path, threads)
    if keras_engine.inputs != package.document.tensor_names:
        raise RefusedPackage(
            "the Keras model takes other inputs than the package: what comes before it is in the "
            "graph alone; set VIGIE_ENGINE=auto"
        )
    return Predictor(package, keras_engine)
