"""TensorFlow: serves the Keras model itself where there is no checked ONNX export."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.engines.quiet import quieten_tensorflow
from vigie.errors import ModelFailure, RefusedPackage
from vigie.sandbox.keras_archive import check_keras_file

quieten_tensorflow()

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402

if TYPE_CHECKING:
    from vigie.engines.base import Feeds


class TensorFlowEngine:
    """A Keras model as one compiled function. Keras' safe mode is on and nothing is unpickled."""

    name = "tensorflow"
    in_caller = False

    def __init__(self, path: Path, threads: int = 1) -> None:
        check_keras_file(path)
        _limit_threads(threads)
        try:
            model = keras.saving.load_model(path, compile=False, safe_mode=True)
        except Exception:
            raise RefusedPackage("Keras cannot load data/model.keras in safe mode") from None
        self._groups = _group(model)
        self._function = _compile(model, self._groups)

    @property
    def inputs(self) -> frozenset[str]:
        """The names of the model's inputs."""
        return frozenset(name for group in self._groups for name in group.names)

    def run(self, feeds: Feeds, wanted: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        """Every output tensor by name, or those that are `wanted`.

        `ModelFailure` where the model fails on these rows.
        """
        try:
            answers = self._function(*(group.pack(feeds) for group in self._groups))
            return {name: answers[name].numpy() for name in wanted or answers}
        except Exception:
            raise ModelFailure("The model failed on this input.", "engine") from None


@dataclass(frozen=True, slots=True)
class _Group:
    """Inputs that travel as one tensor: TensorFlow takes its time for each, however small."""

    names: tuple[str, ...]
    spec: tf.TensorSpec

    def pack(self, feeds: Feeds) -> tf.Tensor:
        parts = [feeds[name] for name in self.names]
        whole = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        return tf.constant(whole, self.spec.dtype)

    def unpack(self, packed: tf.Tensor) -> dict[str, tf.Tensor]:
        if len(self.names) == 1:
            return {self.names[0]: packed}
        return dict(zip(self.names, tf.split(packed, len(self.names), axis=1), strict=True))


def _group(model: Any) -> list[_Group]:
    """The inputs, those of one value per row together by their type."""
    alike: dict[tf.DType, list[str]] = {}
    groups = []
    for tensor in model.inputs:
        dtype = tf.as_dtype(tensor.dtype)
        if tuple(tensor.shape[1:]) == (1,):
            alike.setdefault(dtype, []).append(tensor.name)
        else:
            spec = tf.TensorSpec([None, *tensor.shape[1:]], dtype)
            groups.append(_Group((tensor.name,), spec))
    for dtype, names in alike.items():
        groups.append(_Group(tuple(names), tf.TensorSpec([None, len(names)], dtype)))
    return groups


def _compile(model: Any, groups: Sequence[_Group]) -> Any:
    names = list(model.output_names)

    @tf.function(input_signature=[group.spec for group in groups], autograph=False)
    def call(*packed: tf.Tensor) -> dict[str, tf.Tensor]:
        feeds: dict[str, tf.Tensor] = {}
        for group, tensor in zip(groups, packed, strict=True):
            feeds |= group.unpack(tensor)
        answer = model(feeds, training=False)
        if isinstance(answer, dict):
            return answer
        tensors = answer if isinstance(answer, list | tuple) else [answer]
        return dict(zip(names, tensors, strict=True))

    return call.get_concrete_function()


def _limit_threads(threads: int) -> None:
    """The workers are the parallelism; TensorFlow takes the limit only before its first use."""
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError:
        return
