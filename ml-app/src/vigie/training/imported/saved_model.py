"""An imported SavedModel: what it may hold, and its graph with the inputs of a package.

Run it in the sandbox. TensorFlow runs a SavedModel's initialisers when it loads it, so its
operators are checked before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from vigie.errors import DataError, RefusedPackage
from vigie.training.graph.agreement import compare_graph
from vigie.training.graph.export import export_function
from vigie.training.imported.inputs import InputTensor, safe_name

if TYPE_CHECKING:
    from vigie.models.model_input import Input
    from vigie.training.imported.photos import TakenPhotos

MOST_GRAPH_BYTES = 2**30
_REACHES_OUT = re.compile(
    r"(Eager)?PyFunc.*|.*WriteFile.*|.*ReadFile.*|.*FileSystem.*|MatchingFiles|ImmutableConst"
    r"|.*Reader(V\d)?|.*Dataset(V\d)?|.*Summary.*|PrintV2|Print|Save|SaveSlices|Restore"
    r"|RestoreSlice|Debug.*|Rpc.*|_.*|.*Tpu.*|.*TPU.*|XlaHostCompute|Send|Recv|DecodeProto.*"
    r"|InitializeTableFromDataset|.*Cache.*File.*|.*Iterator.*|GcsConfigure.*|BigQuery.*"
)


@dataclass
class Graph:
    """A loaded signature: its inputs, and the outputs and labels that `choose_outputs` settles.

    `photos` where it takes some.
    """

    owner: Any
    call: Any
    tensors: list[InputTensor]
    outputs: dict[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    photos: TakenPhotos | None = None


def check_saved_model(path: Path) -> None:
    """Refuses a SavedModel with operators that reach files, the network or Python."""
    file = path / "saved_model.pb"
    if not file.is_file():
        raise DataError("the folder has no saved_model.pb")
    if file.stat().st_size > MOST_GRAPH_BYTES:
        raise RefusedPackage("saved_model.pb is too large")
    model = saved_model_pb2.SavedModel()
    try:
        model.ParseFromString(file.read_bytes())
    except DecodeError:
        raise RefusedPackage("saved_model.pb is not a SavedModel") from None
    if not model.meta_graphs:
        raise RefusedPackage("saved_model.pb holds no model")
    for meta in model.meta_graphs:
        graph = meta.graph_def
        nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
        for operator in sorted({node.op for node in nodes}):
            if _REACHES_OUT.fullmatch(operator):
                raise RefusedPackage(f"the SavedModel has an operator that reaches out: {operator}")
        for asset in meta.asset_file_def:
            if ".." in asset.filename or "/" in asset.filename:
                raise RefusedPackage("the SavedModel names a file outside its folder")


def load_saved_model(path: Path) -> Graph:
    """The serving signature of a SavedModel, whose operators are checked first."""
    check_saved_model(path)
    owner = tf.saved_model.load(str(path))
    names = list(owner.signatures)
    chosen = next((n for n in ("serving_default", "serve", "predict") if n in names), None)
    if chosen is None and len(names) == 1:
        chosen = names[0]
    if chosen is None:
        raise DataError("the SavedModel has no signature `serving_default`")
    call = owner.signatures[chosen]
    specs = call.structured_input_signature[1]
    tensors = [
        InputTensor(name, spec.dtype.name, tuple(spec.shape.as_list()[1:]))
        for name, spec in sorted(specs.items())
    ]
    return Graph(owner, call, tensors)


def answer(graph: Graph, inputs: Sequence[Input], feeds: dict[str, Any]) -> dict[str, Any]:
    """What the signature gives for tensors of the package's inputs."""
    given = [feeds[item.name] for item in inputs]
    if len(given) != len(graph.tensors):
        given = [tf.concat(given, axis=1)]
    if graph.photos is not None:
        (tensor,) = graph.tensors
        pixels = _scaled(given[0], graph.photos)
        return dict(graph.call(**{tensor.name: tf.cast(pixels, tf.as_dtype(tensor.dtype))}))
    values = {}
    for value, tensor in zip(given, graph.tensors, strict=True):
        own = tf.as_dtype(tensor.dtype)
        fitted = value if own == tf.string else tf.cast(value, own)
        values[tensor.name] = tf.reshape(fitted, [-1, *(size or 1 for size in tensor.shape)])
    return dict(graph.call(**values))


def _scaled(pixels: tf.Tensor, photos: TakenPhotos) -> tf.Tensor:
    scaling, values = photos.scaling, tf.cast(pixels, tf.float32)
    if scaling.bgr:
        values = tf.concat([values[:, :, :, place : place + 1] for place in (2, 1, 0)], axis=3)
    if not scaling.is_identity:
        values = values * tf.constant(scaling.scale) + tf.constant(scaling.offset)
    return tf.transpose(values, (0, 3, 1, 2)) if photos.first else values


def choose_outputs(graph: Graph, answers: dict[str, np.ndarray], labels: tuple[str, ...]) -> None:
    """Settles which outputs are served, and the labels where the model answers them as text."""
    numbers = {n: v for n, v in answers.items() if np.issubdtype(v.dtype, np.floating)}
    texts = {n: v for n, v in answers.items() if v.dtype == object and v.ndim == 2}
    graph.labels = labels
    for values in texts.values():
        like = [name for name, found in numbers.items() if found.shape == values.shape]
        if labels or not like or values.shape[1] < 2:
            continue
        if (values != values[0]).any():
            raise DataError("the model gives its labels in another order from row to row")
        graph.labels = tuple(_text(value) for value in values[0])
    if graph.labels:
        size = (len(graph.labels),)
        numbers = {n: v for n, v in numbers.items() if v.shape[1:] == size}
        best = sorted(numbers, key=lambda name: ("prob" not in name, name))[:1]
        numbers = {name: numbers[name] for name in best}
    if not numbers:
        raise DataError("the model gives no numbers that could be served")
    graph.outputs = {name: safe_name(name) for name in numbers}


def export_saved(
    graph: Graph, inputs: Sequence[Input], path: Path, feeds: dict[str, np.ndarray]
) -> float:
    """Writes the graph as ONNX; gives the largest difference on these rows."""
    specs = [
        tf.TensorSpec([None, *(item.shape or (1,))], tf.as_dtype(item.tensor), name=item.name)
        for item in inputs
    ]

    @tf.function(input_signature=specs, autograph=False)
    def call(*tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        named = {item.name: tensor for item, tensor in zip(inputs, tensors, strict=True)}
        return numbers_of(graph, answer(graph, inputs, named))

    concrete = call.get_concrete_function()
    order = sorted(graph.outputs.values())
    outputs = {t.name: name for t, name in zip(concrete.outputs, order, strict=True)}
    export_function(graph.owner, concrete, {f"{i.name}:0": i.name for i in inputs}, outputs, path)
    expected = numbers_of(graph, answer(graph, inputs, tensors_for(feeds)))
    return compare_graph(path, feeds, {name: value.numpy() for name, value in expected.items()})


def numbers_of(graph: Graph, answers: dict[str, Any]) -> dict[str, Any]:
    """The served outputs under their names in the package."""
    return {name: tf.cast(answers[own], tf.float32) for own, name in graph.outputs.items()}


def tensors_for(feeds: dict[str, np.ndarray]) -> dict[str, Any]:
    """Arrays of the decoder as TensorFlow takes them."""
    return {
        name: tf.constant(value, tf.string if value.dtype == object else None)
        for name, value in feeds.items()
    }


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
