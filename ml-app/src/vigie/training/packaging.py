"""Writes a trained model as a package: what MLflow keeps and the service verifies."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from mlflow.keras import save_model
from mlflow.models import Model, ModelSignature
from mlflow.types.schema import Schema, TensorSpec
from pydantic import BaseModel

from vigie.engines.predictor import open_predictor
from vigie.models.decoding import RowDecoder, feeds_of
from vigie.models.document import Output, PackageDocument, Provenance
from vigie.models.manifest import write_manifest
from vigie.models.package import DOCUMENT, GOLDEN, HELD_OUT, ONNX_MODEL, PROFILE, read_package
from vigie.models.profile import build_profile
from vigie.models.reference_rows import Golden, HeldOut
from vigie.training.export import check_export, export_onnx, predict_keras

if TYPE_CHECKING:
    from vigie.engines.predictor import Predictor
    from vigie.models.interval import Interval
    from vigie.training.dataset import Dataset
    from vigie.training.plan import Plan

GOLDEN_ROWS = 8
CHECKED_ROWS = 1000


@dataclass(frozen=True)
class Trained:
    """Everything a package is written from; the last `feedback_rows` of `training` are feedback."""

    plan: Plan
    model: keras.Model
    training: Dataset
    held_out: Dataset
    interval: Interval | None
    labels: tuple[str, ...]
    metrics: Mapping[str, float]
    revision: str | None
    trained_at: str
    feedback_rows: int = 0

    @property
    def shown(self) -> Dataset:
        """The training rows that may be shown: what callers sent stays out of every package."""
        return self.training.take(np.arange(len(self.training) - self.feedback_rows))


def write_package(trained: Trained, root: Path, mlflow_model: Model) -> str:
    """Writes the package below `root`, its export checked on training rows; gives its digest."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    sample = trained.shown.spread(CHECKED_ROWS)
    feeds = _feeds(trained, sample)
    save_model(
        trained.model,
        str(root),
        mlflow_model=mlflow_model,
        signature=signature_of(trained.model),
        input_example=_example(feeds),
        pip_requirements=[f"keras=={keras.__version__}", "tensorflow==2.21.*"],
    )
    (root / "vigie").mkdir()
    export_onnx(trained.model, root / ONNX_MODEL)
    difference = check_export(trained.model, root / ONNX_MODEL, feeds)
    document = describe(trained, difference)
    _write(root / DOCUMENT, document)
    _write(root / GOLDEN, _golden(trained, document, sample))
    predictor = open_predictor(read_package(root, ""))
    predictor.check_golden()
    _write(root / PROFILE, _profile(trained, predictor))
    if len(trained.held_out):
        _write(root / HELD_OUT, _held_out(trained.held_out))
    return write_manifest(root)


def signature_of(model: keras.Model) -> ModelSignature:
    """The model's tensors as MLflow describes them: named, the first size free."""

    def schema(tensors: Sequence[Any], names: Sequence[str]) -> Schema:
        return Schema(
            [
                TensorSpec(
                    np.dtype(object if tensor.dtype == "string" else tensor.dtype),
                    (-1, *tensor.shape[1:]),
                    name,
                )
                for tensor, name in zip(tensors, names, strict=True)
            ]
        )

    return ModelSignature(
        inputs=schema(model.inputs, [tensor.name for tensor in model.inputs]),
        outputs=schema(model.outputs, model.output_names),
    )


def describe(trained: Trained, difference: float | None) -> PackageDocument:
    """`package.json`; `difference` is the largest one between the graph and the Keras model."""
    plan = trained.plan
    return PackageDocument(
        name=plan.name,
        title=plan.title,
        task=plan.task,
        inputs=plan.inputs,
        outputs=(_output(trained),),
        labels=trained.labels,
        label_texts=dict(plan.label_texts),
        interval=trained.interval.to_dict() if trained.interval else None,
        provenance=_provenance(trained, difference),
        metrics=dict(trained.metrics),
    )


def _output(trained: Trained) -> Output:
    target = trained.plan.target
    return Output(
        name=target.name,
        label=target.label,
        tensor=trained.model.output_names[0],
        shape=(len(trained.labels),) if trained.labels else (),
        unit=target.unit,
        decimals=target.decimals,
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


def _feeds(trained: Trained, rows: Dataset) -> dict[str, np.ndarray]:
    decoded = RowDecoder(trained.plan.inputs).decode(rows.rows())
    return feeds_of(trained.plan.inputs, decoded.columns)


def _example(feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Two rows as the Keras model takes them, for readers of the MLflow page."""
    return {
        name: values[:2].astype(str) if values.dtype == object else values[:2]
        for name, values in feeds.items()
    }


def _golden(trained: Trained, document: PackageDocument, sample: Dataset) -> Golden:
    """Rows spread over the data, with the answers of the Keras model itself."""
    rows = sample.spread(GOLDEN_ROWS)
    answers = predict_keras(trained.model, _feeds(trained, rows))
    outputs = {}
    tolerance = 1e-6
    for output in document.outputs:
        values = answers[output.tensor].reshape(-1, *output.shape)
        outputs[output.name] = tuple(values.tolist())
        if output.decimals is not None:
            tolerance = max(tolerance, 10.0**-output.decimals)
    return Golden(rows=tuple(rows.rows()), outputs=outputs, absolute_tolerance=tolerance)


def _held_out(rows: Dataset) -> HeldOut:
    return HeldOut(rows=tuple(rows.rows()), actual=tuple(rows.target.tolist()))


def _profile(trained: Trained, predictor: Predictor) -> BaseModel:
    data = trained.training
    answers = predictor.predict(predictor.decoder.decode(data.rows()).columns)
    prediction: np.ndarray | list[str] = answers.outputs[trained.plan.target.name]
    if trained.labels:
        prediction = answers.labels(predictor.package.document)
    return build_profile(trained.plan.inputs, data.columns, prediction)


def _write(path: Path, document: BaseModel) -> None:
    path.write_text(document.model_dump_json(indent=2), encoding="utf-8")
