"""What of a SavedModel's graph can run, and what its signatures ask for; read and not loaded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from tensorflow.core.framework import variable_pb2

if TYPE_CHECKING:
    from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef, SignatureDef

_LEFT_TO_TRAINING = frozenset({"summaries", "train_op", "losses"})
"""Collections of what TensorFlow runs for whoever asks for it, and for nobody who only loads."""
_INITIAL = ("local_variables", "variables", "trainable_variables", "global_variables")
_PARSES = re.compile(r"Parse(Single)?Example(V2)?|Parse(Single)?SequenceExample(V2)?|DecodeProtoV2")


def running_operators(meta: MetaGraphDef) -> set[str]:
    """The operators on which an answer or the loading depends, those of all functions included.

    Dead ends are left out: what training wrote down beside the path, such as histograms.
    """
    nodes = {node.name: node for node in meta.graph_def.node}
    reached: set[str] = set()
    waiting = [_node_of(name) for name in _asked_for(meta)]
    while waiting:
        name = waiting.pop()
        if name in nodes and name not in reached:
            reached.add(name)
            waiting += [_node_of(source) for source in nodes[name].input]
    functions = (node for one in meta.graph_def.library.function for node in one.node_def)
    return {nodes[name].op for name in reached} | {node.op for node in functions}


def takes_examples(meta: MetaGraphDef, signature: SignatureDef) -> bool:
    """True where a signature takes serialised `tf.Example`, and no values."""
    inputs = list(signature.inputs.values())
    if len(inputs) != 1:
        return False
    fed = {inputs[0].name, _node_of(inputs[0].name)}
    # an identity may stand between
    through = {n.name for n in meta.graph_def.node if n.op == "Identity" and fed & set(n.input)}
    return any(
        _PARSES.fullmatch(node.op) and {_node_of(source) for source in node.input} & (fed | through)
        for node in meta.graph_def.node
    )


def _asked_for(meta: MetaGraphDef) -> Iterator[str]:
    """The names of what is fetched when the model is loaded, saved or asked."""
    for signature in meta.signature_def.values():
        for tensor in signature.outputs.values():
            yield from _tensors_of(tensor)
    saver = meta.saver_def
    yield from (saver.filename_tensor_name, saver.save_tensor_name, saver.restore_op_name)
    for asset in meta.asset_file_def:
        yield asset.tensor_info.name
    for key, collection in meta.collection_def.items():
        if key not in _LEFT_TO_TRAINING:
            yield from collection.node_list.value
        if key in _INITIAL:
            yield from _initialisers(collection.bytes_list.value)


def _tensors_of(tensor: object) -> Iterable[str]:
    sparse = tensor.coo_sparse  # type: ignore[attr-defined]
    parts = (sparse.values_tensor_name, sparse.indices_tensor_name, sparse.dense_shape_tensor_name)
    components = tensor.composite_tensor.components  # type: ignore[attr-defined]
    return (tensor.name, *parts, *(part.name for part in components))  # type: ignore[attr-defined]


def _initialisers(variables: Iterable[bytes]) -> Iterator[str]:
    for content in variables:
        variable = variable_pb2.VariableDef.FromString(content)
        yield from (variable.variable_name, variable.initializer_name, variable.snapshot_name)


def _node_of(tensor: str) -> str:
    """The node of a tensor or of a control input: `^init`, `scores:0`."""
    return tensor.removeprefix("^").split(":")[0]
