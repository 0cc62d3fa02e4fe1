"""Somebody's ONNX graph behind the inputs of a package, and in front of its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from vigie.sandbox.graph_parts import (
    graphs_of,
    needed_nodes,
    nodes_of,
    plain_domain,
    taken_by,
)
from vigie.training.imported.onnx_inputs import inputs_by_value
from vigie.training.imported.onnx_photos import photo_constants, photo_steps

if TYPE_CHECKING:
    from vigie.models.model_input import Input
    from vigie.training.imported.onnx_outputs import Served
    from vigie.training.imported.photos import TakenPhotos

OPSET = 17
_PREFIX = "graph/"
"""Before every name of the graph's own: no input or output of a package has a slash."""
_FLAT, _COLUMN, _ONE = "package/flat", "package/column", "package/one"
_CONSTANTS = {
    _FLAT: np.array([-1], np.int64),
    _COLUMN: np.array([-1, 1], np.int64),
    _ONE: np.array(1, np.float32),
}
_TENSORS = {
    "float32": TensorProto.FLOAT, "int64": TensorProto.INT64, "string": TensorProto.STRING,
    "uint8": TensorProto.UINT8,
}  # fmt: skip

Step = tuple[str, Sequence[str], dict[str, Any]]


def package_graph(
    model: onnx.ModelProto,
    inputs: Sequence[Input],
    outputs: Sequence[Served],
    photos: TakenPhotos | None = None,
) -> onnx.ModelProto:
    """The graph with the package's inputs and outputs alone, and what they need of it.

    Takes `model` to pieces: it is of no use afterwards.
    """
    graph = model.graph
    before = [node for pair in inputs_by_value(graph, inputs) for node in _feeding(*pair, photos)]
    after = [node for each in outputs for node in _answering(each)]
    _put_prefix(graph)
    nodes = needed_nodes([*before, *graph.node, *after], {each.name for each in outputs})
    used = {name for node in nodes for name in taken_by(node)}
    constants = _CONSTANTS | (photo_constants(photos) if photos else {})
    made = helper.make_graph(
        nodes,
        "model",
        [
            helper.make_tensor_value_info(
                item.name, _TENSORS[item.tensor], [None, *(item.shape or (1,))]
            )
            for item in inputs
        ],
        [
            helper.make_tensor_value_info(
                each.name, TensorProto.FLOAT, [None, *each.expected().shape[1:]]
            )
            for each in outputs
        ],
        [numpy_helper.from_array(v, name) for name, v in constants.items() if name in used],
    )
    made.initializer.extend(t for t in graph.initializer if t.name in used)
    made.sparse_initializer.extend(t for t in graph.sparse_initializer if t.values.name in used)
    versions = {plain_domain(each.domain): each.version for each in model.opset_import}
    domains = {"", *(plain_domain(node.domain) for node in nodes_of(made))}
    return helper.make_model(
        made,
        ir_version=max(model.ir_version, 8),
        opset_imports=[helper.make_opsetid(d, versions.get(d, OPSET)) for d in sorted(domains)],
    )


def _feeding(
    value: onnx.ValueInfoProto, own: Sequence[Input], photos: TakenPhotos | None
) -> list[onnx.NodeProto]:
    """The operators that make what the graph takes of the package's inputs."""
    tensor = value.type.tensor_type
    steps = photo_steps(photos) if photos else []
    made = TensorProto.FLOAT if photos else _TENSORS[own[0].tensor]
    if len(own) > 1:
        steps.append(("Concat", [item.name for item in own[1:]], {"axis": 1}))
    if tensor.elem_type != made:
        steps.append(("Cast", [], {"to": tensor.elem_type}))
    if len(tensor.shape.dim) == 1:
        steps.append(("Reshape", [_FLAT], {}))
    return _chain(own[0].name, steps, _PREFIX + value.name)


def _answering(served: Served) -> list[onnx.NodeProto]:
    """The operators that make an output of the package of values of the graph."""
    several = served.both or len(served.values) > 1
    nodes, parts = [], []
    for place, (value, answer) in enumerate(zip(served.values, served.answers, strict=True)):
        steps: list[Step] = []
        if answer.dtype != np.float32:
            steps.append(("Cast", [], {"to": TensorProto.FLOAT}))
        if answer.ndim == 1:
            steps.append(("Reshape", [_COLUMN], {}))
        parts.append(f"package/{served.name}/part/{place}" if several else served.name)
        nodes += _chain(_PREFIX + value, steps, parts[-1])
    if served.both:
        parts.insert(0, f"package/{served.name}/other")
        nodes.append(helper.make_node("Sub", [_ONE, parts[1]], [parts[0]]))
    if several:
        nodes.append(helper.make_node("Concat", parts, [served.name], axis=1))
    return nodes


def _chain(source: str, steps: Sequence[Step], target: str) -> list[onnx.NodeProto]:
    """One operator after another, from one value to another."""
    nodes = []
    for place, (operator, others, attributes) in enumerate(steps or [("Identity", [], {})], 1):
        made = f"package/{target}/{place}" if place < len(steps) else target
        nodes.append(helper.make_node(operator, [source, *others], [made], **attributes))
        source = made
    return nodes


def _put_prefix(graph: onnx.GraphProto) -> None:
    """Renames every value of the graph, inside of `If`, `Loop` and `Scan` too."""
    for part in graphs_of(graph):
        values = [*part.input, *part.output, *part.initializer]
        for named in [*values, *(sparse.values for sparse in part.sparse_initializer)]:
            named.name = _PREFIX + named.name
        # what was told of sizes may be of no use behind other inputs
        del part.value_info[:]
        del part.quantization_annotation[:]
        for node in part.node:
            node.input[:] = [_PREFIX + name if name else "" for name in node.input]
            node.output[:] = [_PREFIX + name if name else "" for name in node.output]
