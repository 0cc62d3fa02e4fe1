"""A package with its engine: checked columns in, answers out; for training, batch and serving."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.errors import ModelFailure, RefusedPackage
from vigie.models.decoding import RowDecoder, feeds_of
from vigie.models.interval import Interval
from vigie.models.model_output import best_labels
from vigie.models.neighbours import Nearest

if TYPE_CHECKING:
    from vigie.engines.base import Engine, Feeds
    from vigie.models.document import PackageDocument
    from vigie.models.model_output import Output
    from vigie.models.package import Package


@dataclass(frozen=True, slots=True)
class Answers:
    """What a model answered for some rows: each output [rows, …], and the interval's bounds.

    `nearest` are the reference rows of the package that they are most like, where it has some.
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

    def rows(self, start: int, stop: int) -> Answers:
        """The answers of a part of the rows."""
        return Answers(
            {name: values[start:stop] for name, values in self.outputs.items()},
            None if self.lower is None else self.lower[start:stop],
            None if self.upper is None else self.upper[start:stop],
            None if self.nearest is None else self.nearest.rows(start, stop),
        )


class Predictor:
    """One loaded model version."""

    def __init__(self, package: Package, engine: Engine) -> None:
        self.package = package
        self.engine = engine
        document = package.document
        self.decoder = RowDecoder(document.inputs)
        self._inputs = document.inputs
        self._outputs = document.outputs
        self._shown = document.shown_outputs
        self._neighbourhood = document.neighbours
        self._wanted = self._shown_tensors(document)
        self._interval = Interval.from_dict(document.interval) if document.interval else None
        self._rows_at_once = document.rows_at_once

    def _shown_tensors(self, document: PackageDocument) -> list[str] | None:
        """The tensors of an answer; `None` for every one: then nothing need be looked up."""
        if len(self._shown) == len(self._outputs):
            return None
        known = document.answer_names()
        compared = [known[self._neighbourhood.output]] if self._neighbourhood else []
        return list(dict.fromkeys(output.tensor for output in (*self._shown, *compared)))

    def predict(
        self,
        columns: Mapping[str, list[Any]],
        *,
        every_output: bool = False,
        neighbours: bool = True,
    ) -> Answers:
        """Answers for columns of `RowDecoder`; `ModelFailure` where a number is not finite.

        With `every_output` also those that are not shown; without `neighbours` nothing is compared
        with the reference rows of the package, which takes its time with each row.
        """
        wanted = None if every_output else self._wanted
        tensors = self._run(feeds_of(self._inputs, columns), wanted)
        outputs: dict[str, np.ndarray] = {}
        for output in self._outputs if every_output else self._shown:
            outputs[output.name] = _finite(tensors, output)
        return self._finish(outputs, self._nearest(tensors) if neighbours else None)

    def _nearest(self, tensors: Mapping[str, np.ndarray]) -> Nearest | None:
        """What the rows are most like, where the package has something to compare them with."""
        among, described = self.package.neighbours, self._neighbourhood
        if among is None or described is None:
            return None
        output = self.package.document.answer_names()[described.output]
        return Nearest(among, *among.nearest(_finite(tensors, output), described.count))

    def _run(self, feeds: Feeds, wanted: Sequence[str] | None) -> dict[str, np.ndarray]:
        rows, most = len(feeds[self._inputs[0].name]), self._rows_at_once
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
        first, *others = (output for output in self._outputs if output.name in outputs)
        if self._interval is not None:
            values = outputs[first.name].astype(np.float64)
            lower, upper = self._interval.bounds(values)
            if first.decimals is not None:
                # rounded together: for a single row it is the calls that cost
                together = np.array((values, lower, upper)).round(first.decimals)
                outputs[first.name], lower, upper = together[0], together[1], together[2]
        else:
            others = [first, *others]
        for output in others:
            if output.decimals is not None:
                values = outputs[output.name].astype(np.float64)
                outputs[output.name] = values.round(output.decimals)
        return Answers(outputs, lower, upper, nearest)

    def check_golden(self) -> None:
        """Refuses unless the golden rows get the recorded answers."""
        golden = self.package.golden
        if missing := {o.tensor for o in self._outputs} - self._tensor_names():
            raise RefusedPackage(f"the graph has no output named {min(missing)}")
        decoded = self.decoder.decode(list(golden.rows))
        answers = self.predict(decoded.columns, every_output=True, neighbours=False)
        golden.check(answers.outputs)

    def _tensor_names(self) -> set[str]:
        decoded = self.decoder.decode([self.package.golden.rows[0]])
        return set(self.engine.run(feeds_of(self._inputs, decoded.columns)))


def _finite(tensors: Mapping[str, np.ndarray], output: Output) -> np.ndarray:
    """The values of an output, [rows, …]; `ModelFailure` where one is not finite."""
    values = tensors[output.tensor].reshape(-1, *output.shape)
    # the bare reduction: `all` has a detour through Python, which a single row would feel
    if not np.logical_and.reduce(np.isfinite(values), axis=None):
        raise ModelFailure(
            "The model answered with a number that is not finite.", "nonfinite_output"
        )
    return values


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
