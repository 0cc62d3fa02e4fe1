"""TensorFlow: serves the Keras model itself where there is no checked ONNX export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from vigie.engines.base import Feeds
from vigie.engines.quiet import quieten_tensorflow
from vigie.errors import ModelFailure, RefusedPackage
from vigie.models.keras_archive import check_keras_file

quieten_tensorflow()

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402


class TensorFlowEngine:
    """A Keras model as one compiled function. Keras' safe mode is on and nothing is unpickled."""

    name = "tensorflow"

    def __init__(self, path: Path, threads: int = 1) -> None:
        check_keras_file(path)
        _limit_threads(threads)
        try:
            model = keras.saving.load_model(path, compile=False, safe_mode=True)
        except Exception:
            raise RefusedPackage("Keras cannot load data/model.keras in safe mode") from None
        self._inputs = {tensor.name: _dtype(tensor.dtype) for tensor in model.inputs}
        self._function = _compile(model)

    def run(self, feeds: Feeds) -> dict[str, np.ndarray]:
        """Every output tensor by name; `ModelFailure` where the model fails on these rows."""
        try:
            answers = self._function(
                {name: tf.constant(feeds[name], dtype) for name, dtype in self._inputs.items()}
            )
            return {name: tensor.numpy() for name, tensor in answers.items()}
        except Exception:
            raise ModelFailure("The model failed on this input.", "engine") from None


def _compile(model: Any) -> Any:
    names = list(model.output_names)
    signature = {
        tensor.name: tf.TensorSpec([None, *tensor.shape[1:]], _dtype(tensor.dtype), tensor.name)
        for tensor in model.inputs
    }

    @tf.function(input_signature=[signature], autograph=False)
    def call(feeds: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        answer = model(feeds, training=False)
        if isinstance(answer, dict):
            return answer
        tensors = answer if isinstance(answer, list | tuple) else [answer]
        return dict(zip(names, tensors, strict=True))

    return call.get_concrete_function(signature)


def _dtype(name: str) -> tf.DType:
    return tf.as_dtype(name)


def _limit_threads(threads: int) -> None:
    """The workers are the parallelism; TensorFlow takes the limit only before its first use."""
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError:
        return
