"""An imported SavedModel: what it may hold, and its graph with the inputs of a package.

Run it in the sandbox. TensorFlow runs a SavedModel's initialisers when it loads it, so its
operators are checked before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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
from vigie.training.imported.inputs import InputTensor
from vigie.training.imported.saved_graph import running_operators, takes_examples

if TYPE_CHECKING:
    from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

    from vigie.models.model_input import Input
    from vigie.training.imported.photos import TakenPhotos

MOST_GRAPH_BYTES = 2**30
_USUAL = ("serving_default", "serve", "predict")
_REACHES_OUT = re.compile(
    r"(Eager)?PyFunc.*|.*WriteFile.*|.*ReadFile.*|.*FileSystem.*|MatchingFiles|ImmutableConst"
    r"|.*Reader(V\d)?|.*Dataset(V\d)?|.*Summary.*|PrintV2|Print|Save|SaveSlices|Restore"
    r"|RestoreSlice|Debug.*|Rpc.*|_.*|.*Tpu.*|.*TPU.*|XlaHostCompute|Send|Recv|DecodeProto.*"
    r"|InitializeTableFromDataset|.*Cache.*File.*|.*Iterator.*|GcsConfigure.*|BigQuery.*"
)


@dataclass
class Graph:
    """A loaded signature and its inputs; `outputs` are settled by what it answers.

    `photos` where it takes some.
    """

    owner: Any
    call: Any
    tensors: list[InputTensor]
    signature: str
    outputs: Mapping[str, str] = field(default_factory=dict)
    photos: TakenPhotos | None = None


def check_saved_model(path: Path) -> MetaGraphDef:
    """Refuses a SavedModel with operators that reach files, the network or Python.

    What nothing depends on may have any. Gives its first graph.
    """
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
        for operator in sorted(running_operators(meta)):
            if _REACHES_OUT.fullmatch(operator):
                raise RefusedPackage(f"the SavedModel has an operator that reaches out: {operator}")
        for asset in meta.asset_file_def:
            if ".." in asset.filename or "/" in asset.filename:
                raise RefusedPackage("the SavedModel names a file outside its folder")
    return model.meta_graphs[0]


def load_saved_model(path: Path, signature: str | None = None) -> Graph:
    """A signature of a SavedModel, whose operators are checked first.

    Without a name it is `serving_default`, unless that takes serialised examples and another does
    not. Raises `DataError`, which lists the signatures, where none is plainly the one.
    """
    chosen = _choose_signature(check_saved_model(path), signature)
    owner = tf.saved_model.load(str(path))
    if chosen not in owner.signatures:
        raise DataError(f"the signature {chosen} of the SavedModel cannot be loaded")
    call = owner.signatures[chosen]
    specs = call.structured_input_signature[1]
    tensors = [
        InputTensor(name, spec.dtype.name, tuple(spec.shape.as_list()[1:]))
        for name, spec in sorted(specs.items())
    ]
    return Graph(owner, call, tensors, chosen)


def _choose_signature(meta: MetaGraphDef, wanted: str | None) -> str:
    """The name of the signature that is served."""
    known = {n: s for n, s in meta.signature_def.items() if not n.startswith("__") and s.outputs}
    listed = ", ".join(sorted(known)) or "none"
    if wanted is not None:
        if wanted not in known:
            raise DataError(f"the SavedModel has no signature `{wanted}`; its signatures: {listed}")
        return wanted
    values = [name for name, one in known.items() if not takes_examples(meta, one)]
    if known and not values:
        raise DataError(
            f"the signatures of the SavedModel ({listed}) take serialised tf.Example; export it "
            "with build_raw_serving_input_receiver_fn"
        )
    chosen = next((name for name in _USUAL if name in values), None)
    if chosen is None and len(values) == 1:
        (chosen,) = values
    if chosen is None:
        raise DataError(
            f"the SavedModel has no signature `serving_default`; its signatures: {listed}; choose "
            "one with --signature"
        )
    return chosen


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
