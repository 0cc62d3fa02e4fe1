"""A Keras model as an ONNX graph of standard operators, checked against the model itself."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import tensorflow as tf

from vigie.engines.quiet import without_stderr
from vigie.errors import DataError
from vigie.training.graph.opsets import ML_OPSET, OPSET
from vigie.training.graph.simplification import simplify

_NUMBERS_AT_ONCE = 250_000
"""Of the inputs, in one call of a Keras model, which keeps every value of every layer meanwhile."""


def export_onnx(model: keras.Model, path: Path) -> None:
    """Writes the whole graph, text look-ups included. Tensors keep the names of the model's."""
    call, inputs, outputs = _traced(model)
    export_function(model, call, inputs, outputs, path, model.name)


def export_function(
    owner: Any,
    call: Any,
    inputs: dict[str, str],
    outputs: dict[str, str],
    path: Path,
    name: str = "model",
) -> None:
    """Writes the graph of a concrete function; `inputs` and `outputs` give its tensors' names.

    `owner` holds the variables and look-up tables that the function uses. Raises `DataError` where
    ONNX lacks an operator.
    """
    from tf2onnx import tf_loader

    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)
    with without_stderr(), _collected_cheaply():
        # from the owner and not from the function: constants and look-up tables are frozen in
        frozen, tables = tf_loader.from_trackable(
            owner, call, list(inputs), list(outputs), large_model=False
        )
        made = _optimised(_convert(frozen, tables, inputs, outputs)).make_model(name)
    _require_operators(made)
    simplify(made)
    made.producer_version = ""
    path.write_bytes(made.SerializeToString())


@contextmanager
def _collected_cheaply() -> Iterator[None]:
    """Leaves all that there is out of collections of garbage, which take a while of TensorFlow."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _optimised(graph: Any) -> Any:
    """The graph after all of tf2onnx's passes; each works on a copy, weights included.

    What a pass leaves behind is collected before the next: of a network of 60 million weights it
    would else be gigabytes.
    """
    from tf2onnx import optimizer

    class Collected:
        def __init__(self, factory: Any) -> None:
            self._pass = factory()

        @property
        def graph_been_opt(self) -> bool:
            return bool(self._pass.graph_been_opt)

        def optimize(self, current: Any, iteration: int) -> Any:
            gc.collect()
            return self._pass.optimize(current, iteration)

    passes = optimizer._get_optimizers()
    return optimizer.optimize_graph(
        graph, optimizers={name: partial(Collected, factory) for name, factory in passes.items()}
    )


def _require_operators(made: onnx.ModelProto) -> None:
    """Raises `DataError` where an operator of TensorFlow was left as it is."""
    left = {n.op_type for n in made.graph.node if not onnx.defs.has(n.op_type, n.domain)}
    if left:
        raise DataError(f"ONNX has no operator for {', '.join(sorted(left))} of TensorFlow")


def _convert(frozen: Any, tables: Any, inputs: dict[str, str], outputs: dict[str, str]) -> Any:
    """The frozen graph as tf2onnx's own graph of ONNX operators."""
    from tf2onnx import tf_loader
    from tf2onnx.tfonnx import process_tf_graph

    from vigie.training.graph import tf_operators  # noqa: F401 -- to import it registers them

    with tf.Graph().as_default() as graph:
        tf.import_graph_def(frozen, name="")
        with tf_loader.tf_session(graph=graph):
            return process_tf_graph(
                graph,
                opset=OPSET,
                extra_opset=[onnx.helper.make_opsetid("ai.onnx.ml", ML_OPSET)],
                input_names=list(inputs),
                output_names=list(outputs),
                initialized_tables=tables,
                tensors_to_rename={**inputs, **outputs},
            )


def _traced(model: keras.Model) -> tuple[Any, dict[str, str], dict[str, str]]:
    """The model as a concrete function; the names of its input and output tensors there."""
    keys = [tensor.name for tensor in model.inputs]
    names = list(model.output_names)
    specs = [
        tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype, name=tensor.name)
        for tensor in model.inputs
    ]

    @tf.function(input_signature=specs, autograph=False)
    def call(*tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        return named_outputs(names, model(dict(zip(keys, tensors, strict=True)), training=False))

    concrete = call.get_concrete_function()
    # a concrete function gives the values of a dictionary in the order of its sorted keys
    outputs = {
        tensor.name: name for tensor, name in zip(concrete.outputs, sorted(names), strict=True)
    }
    # TensorFlow renames an input whose name differs from another's in its case alone
    inputs = dict(zip((tensor.name for tensor in concrete.inputs), keys, strict=False))
    return concrete, inputs, outputs


def named_outputs(names: list[str], answer: Any) -> dict[str, Any]:
    """The outputs of a Keras model by name, however the model gives them."""
    if isinstance(answer, dict):
        return dict(answer)
    tensors = answer if isinstance(answer, list | tuple) else [answer]
    return dict(zip(names, tensors, strict=True))


def predict_keras(model: keras.Model, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the Keras model itself answers, output name -> [rows, …]."""
    numbers = sum(value[:1].size for value in feeds.values())
    most = max(_NUMBERS_AT_ONCE // max(numbers, 1), 1)
    rows = max(len(value) for value in feeds.values())
    parts = [
        _predict(model, {name: value[start : start + most] for name, value in feeds.items()})
        for start in range(0, rows, most)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _predict(model: keras.Model, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    tensors = {name: tf.constant(value, _tf_dtype(value)) for name, value in feeds.items()}
    answers = named_outputs(list(model.output_names), model(tensors, training=False))
    return {name: tensor.numpy() for name, tensor in answers.items()}


def _tf_dtype(value: np.ndarray) -> tf.DType:
    return tf.string if value.dtype == object else tf.as_dtype(value.dtype)
