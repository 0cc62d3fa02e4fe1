"""The model on disk, once in every form that a contender takes."""

from __future__ import annotations

import shutil
from pathlib import Path

import mlflow.pyfunc
import numpy as np
import tensorflow as tf
from mlflow.models import Model, ModelSignature
from mlflow.types.schema import ColSpec, DataType, Schema

from bench.forms import Forms, Question, require_close
from bench.rows.homes import MODEL, NUMBERS, TEXTS
from bench.rows.loads import BULK_ROWS, ONE_ROW
from bench.rows.model import Trial, train_model
from vigie.engines.onnx import OnnxEngine
from vigie.models.package import ONNX_MODEL
from vigie.registry.cache import ModelCache
from vigie.training.encoding import network_columns
from vigie.training.packaging import write_package

MANY = 100
PYFUNC = Path(__file__).parents[1] / "peers" / "mlflow_pyfunc.py"


def write_forms(folder: Path) -> Forms:
    """Trains the model, writes it in every form below `folder` and checks each against Keras."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    trial = train_model()
    rows, answers = trial.held_out.take(np.arange(MANY)).rows(), trial.answers[:MANY].tolist()
    asked = {ONE_ROW: Question(rows[:1], answers[:1]), BULK_ROWS: Question(rows, answers)}
    forms = Forms(folder, asked)
    package = _install(trial, forms.cache)
    trial.model.save(forms.keras)
    shutil.copy(package / ONNX_MODEL, forms.onnx)
    _write_saved_model(trial, forms.saved)
    _write_pyfunc(forms)
    _check(trial, forms)
    return forms


def _install(trial: Trial, folder: Path) -> Path:
    cache = ModelCache(folder)
    with cache.lock(MODEL) as incoming:
        digest = write_package(trial.trained, incoming / "package", Model()).digest
        version = cache.install(MODEL, incoming / "package", digest, "1", "run")
        cache.point(MODEL, digest)
    return version.root


def _write_saved_model(trial: Trial, folder: Path) -> None:
    """Two packed tensors instead of eight make a call from Python almost twice as quick."""
    model = trial.model

    def serve(numbers: tf.Tensor, texts: tf.Tensor) -> tf.Tensor:
        columns = dict(zip(NUMBERS, tf.split(numbers, len(NUMBERS), axis=1), strict=True))
        columns |= dict(zip(TEXTS, tf.split(texts, len(TEXTS), axis=1), strict=True))
        return model(columns, training=False)

    archive = tf.keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serve",
        serve,
        input_signature=[
            tf.TensorSpec([None, len(NUMBERS)], tf.float32, name="numbers"),
            tf.TensorSpec([None, len(TEXTS)], tf.string, name="texts"),
        ],
    )
    archive.write_out(str(folder), verbose=False)


def _write_pyfunc(forms: Forms) -> None:
    columns = [
        *(ColSpec(DataType.double, name) for name in NUMBERS),
        *(ColSpec(DataType.string, name) for name in TEXTS),
    ]
    mlflow.pyfunc.save_model(
        str(forms.pyfunc),
        python_model=str(PYFUNC),
        artifacts={"saved_model": str(forms.saved)},
        signature=ModelSignature(Schema(columns), Schema([ColSpec(DataType.double)])),
        pip_requirements=["tensorflow==2.21.*"],
    )


def _check(trial: Trial, forms: Forms) -> None:
    """Stops the bench where a form answers otherwise than Keras."""
    rows = trial.held_out.take(np.arange(MANY))
    feeds = network_columns(trial.trained.plan.inputs, rows)
    saved = tf.saved_model.load(str(forms.saved))
    numbers = np.hstack([feeds[name] for name in NUMBERS]).astype(np.float32)
    texts = np.hstack([feeds[name] for name in TEXTS]).astype(str)
    packed = saved.serve(tf.constant(numbers), tf.constant(texts))
    (graph,) = OnnxEngine(forms.onnx).run(feeds).values()
    for name, answers in (("SavedModel", packed.numpy()), ("ONNX", graph)):
        require_close(name, answers.reshape(-1).tolist(), forms.questions[BULK_ROWS].answers)
