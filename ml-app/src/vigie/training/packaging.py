"""Writes a trained model as a package: what MLflow keeps and the service verifies."""

from __future__ import annotations

import math
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel

from vigie.engines.onnx import OnnxEngine
from vigie.engines.predictor import open_predictor
from vigie.errors import DataError
from vigie.models.document import PackageDocument, Provenance
from vigie.models.manifest import write_manifest
from vigie.models.model_output import Output
from vigie.models.package import (
    DOCUMENT,
    GOLDEN,
    GOLDEN_ARRAYS,
    HELD_OUT,
    HELD_OUT_ARRAYS,
    ONNX_MODEL,
    PROFILE,
    read_package,
)
from vigie.models.profile import build_profile
from vigie.models.reference_rows import Golden, HeldOut, without_arrays, write_arrays
from vigie.training.encoding import network_columns
from vigie.training.graph.agreement import absolute_tolerance, write_graph
from vigie.training.network import answer_in_parts

if TYPE_CHECKING:
    from mlflow.models import Model

    from vigie.engines.predictor import Predictor
    from vigie.models.interval import Interval
    from vigie.models.model_input import Input
    from vigie.models.profile import Profile
    from vigie.models.vectors import Reduction
    from vigie.training.dataset import Dataset
    from vigie.training.graph.quantized import Int8Graph
    from vigie.training.network import Network
    from vigie.training.plan import Plan
    from vigie.training.references import References

GOLDEN_ROWS = 8
INT8_TOLERANCE = 0.01
CHECKED_ROWS = 1000
MOST_NUMBERS = 2_000_000
"""Of all rows that are looked at together: as Python objects each takes about 30 bytes."""


@dataclass(frozen=True)
class Trained:
    """Everything a package is written from; the last `feedback_rows` of `training` are feedback.

    `others` are the outputs behind the one that the plan's target describes; `kind` is what the
    model card calls the network; `profile` is that of the training rows, where it is known already.
    `int8` is served in the place of the float graph. `reduction` says which output holds principal
    components; `references` are the rows that the package keeps for their neighbours.
    """

    plan: Plan
    network: Network
    training: Dataset
    held_out: Dataset
    interval: Interval | None
    labels: tuple[str, ...]
    metrics: Mapping[str, float]
    revision: str | None
    trained_at: str
    feedback_rows: int = 0
    shape: tuple[int, ...] = ()
    others: tuple[Output, ...] = ()
    kind: str = "Keras network"
    profile: Profile | None = None
    int8: Int8Graph | None = None
    reduction: Reduction | None = None
    references: References | None = None

    @property
    def shown(self) -> Dataset:
        """The training rows that may be shown: what callers sent stays out of every package."""
        return self.training.take(np.arange(len(self.training) - self.feedback_rows))

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The outputs of the package, the target first."""
        target = self.plan.target
        first = Output(
            name=target.name,
            label=target.label,
            tensor=self.network.tensors[0],
            shape=(len(self.labels),) if self.plan.task == "classification" else self.shape,
            unit=target.unit,
            decimals=target.decimals,
        )
        return (first, *self.others)


@dataclass(frozen=True)
class WrittenPackage:
    """A package on disk: its digest, and why TensorFlow must serve it, where it must."""

    digest: str
    problem: str | None = None


def write_package(trained: Trained, root: Path, mlflow_model: Model) -> WrittenPackage:
    """Writes the package below `root`, its graph checked against the network on training rows.

    Raises `DataError` where there is neither a graph that answers alike nor a Keras model that can
    be served without one.
    """
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    sample = trained.shown.spread(fitting_rows(trained.plan.inputs, CHECKED_ROWS))
    answers = trained.network.answer(sample)
    alone = trained.network.save(root, mlflow_model, sample.spread(2))
    (root / "vigie").mkdir()
    feeds = network_columns(trained.plan.inputs, sample)
    difference, problem = write_graph(
        trained.network.write_graph, root / ONNX_MODEL, feeds, answers
    )
    if problem and not alone:
        raise DataError(f"the model cannot be served: {problem}")
    if trained.int8 is not None:
        answers = _take_int8(trained.int8, root / ONNX_MODEL, feeds)
    document = describe(trained, difference, problem)
    _write(root / DOCUMENT, document)
    _write_rows(root, _golden(document, sample, answers))
    if trained.references is not None:
        trained.references.write(root)
    predictor = open_predictor(read_package(root, ""))
    predictor.check_golden()
    _write(root / PROFILE, trained.profile or _profile(trained, predictor))
    if len(trained.held_out):
        _write_rows(root, _held_out(trained.held_out))
    return WrittenPackage(write_manifest(root), problem)


def _take_int8(graph: Int8Graph, path: Path, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Puts an int8 graph in the place of the float one that was checked; what it answers."""
    shutil.copyfile(graph.path, path)
    return OnnxEngine(path).run(feeds)


def fitting_rows(inputs: Sequence[Input], most: int) -> int:
    """At most so many rows, fewer where a row is large."""
    numbers = sum(math.prod(item.shape) for item in inputs)
    return max(1, min(most, MOST_NUMBERS // numbers))


def describe(
    trained: Trained, difference: float | None, problem: str | None = None
) -> PackageDocument:
    """`package.json`; `difference` is the largest one between the graph and the network."""
    plan = trained.plan
    return PackageDocument(
        name=plan.name,
        title=plan.title,
        task=plan.task,
        engine="tensorflow" if problem else "onnx",
        inputs=plan.inputs,
        outputs=trained.outputs,
        labels=trained.labels,
        label_texts=dict(plan.label_texts),
        label_notes={k: note for k, note in plan.label_notes.items() if k in trained.labels},
        reduction=trained.reduction,
        neighbours=trained.references.described if trained.references else None,
        interval=trained.interval.to_dict() if trained.interval else None,
        provenance=_provenance(trained, difference),
        metrics=dict(trained.metrics),
    )


def _provenance(trained: Trained, difference: float | None) -> Provenance:
    data = trained.training
    return Provenance(
        source=data.source,
        generated=data.generated,
        data_sha256=data.sha256,
        rows=len(data),
        feedback_rows=trained.feedback_rows,
        rules=data.rules,
        revision=trained.revision,
        trained_at=trained.trained_at,
        exported_difference=difference,
        quantization=trained.int8.figures if trained.int8 else None,
    )


def source_revision() -> str | None:
    """The git revision of this code; `None` where it is no checkout."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"],  # noqa: S607
            cwd=Path(__file__).parent, capture_output=True, text=True, check=True, timeout=5,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def _golden(document: PackageDocument, sample: Dataset, answers: dict[str, np.ndarray]) -> Golden:
    """Rows spread over the data, with the answers of the network itself."""
    chosen = np.unique(np.linspace(0, len(sample) - 1, min(GOLDEN_ROWS, len(sample))).astype(int))
    outputs, tolerances = {}, {}
    int8 = document.provenance.quantization is not None
    for output in document.outputs:
        values = answers[output.tensor][chosen].reshape(-1, *output.shape)
        outputs[output.name] = tuple(values.tolist())
        tolerances[output.name] = _tolerance(values, output.decimals, int8)
    first, *others = tolerances.items()
    rows = tuple(sample.take(chosen).rows())
    return Golden(
        rows=rows,
        outputs=outputs,
        absolute_tolerance=first[1],
        absolute_tolerances=dict(others),
    )


def _tolerance(values: np.ndarray, decimals: int | None, int8: bool) -> float:
    """How far the golden answers of an output may be off."""
    tolerance = absolute_tolerance(values)
    if decimals is not None:
        tolerance = max(tolerance, 10.0**-decimals)
    if int8:
        # a sum that is rounded to the next of 256 levels moves a score by more than float32 does
        tolerance = max(tolerance, INT8_TOLERANCE * float(np.abs(values).max(initial=1)))
    return tolerance


def _held_out(rows: Dataset) -> HeldOut:
    return HeldOut(rows=tuple(rows.rows()), actual=tuple(rows.target.tolist()))


def _profile(trained: Trained, predictor: Predictor) -> BaseModel:
    inputs = trained.plan.inputs
    data = trained.training.spread(fitting_rows(inputs, len(trained.training)))
    parts = answer_in_parts(lambda part: _predicted(predictor, part), data)
    answered = parts["prediction"]
    prediction = answered.tolist() if trained.plan.task == "classification" else answered
    return build_profile(inputs, data.columns, prediction)


def _predicted(predictor: Predictor, rows: Dataset) -> dict[str, np.ndarray]:
    """The label or the number of each row; of a vector, the mean."""
    document = predictor.package.document
    answers = predictor.predict(predictor.decoder.decode(rows.rows()).columns, neighbours=False)
    if document.task == "classification":
        return {"prediction": np.array(answers.labels(document), object)}
    values = answers.outputs[document.outputs[0].name]
    return {"prediction": values.reshape(len(values), -1).mean(axis=1)}


def _write_rows(root: Path, document: Golden | HeldOut) -> None:
    """Writes rows, their large values beside them as arrays."""
    golden = isinstance(document, Golden)
    rows, arrays = without_arrays(document.rows)
    _write(root / (GOLDEN if golden else HELD_OUT), document.model_copy(update={"rows": rows}))
    if arrays:
        write_arrays(root / (GOLDEN_ARRAYS if golden else HELD_OUT_ARRAYS), arrays)


def _write(path: Path, document: BaseModel) -> None:
    path.write_text(document.model_dump_json(indent=2), encoding="utf-8")
