"""The inputs of a package, a transformer and the network behind it, as one ONNX graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import onnx
from onnx import TensorProto, helper

from vigie.training.graph.opsets import opsets
from vigie.training.graph.transformer_graph import FLOATS, INTEGERS, PREFIX, TEXTS

if TYPE_CHECKING:
    from vigie.models.model_input import Input
    from vigie.training.graph.preprocessing import Preprocessing


def joined_graph(
    preprocessing: Preprocessing,
    inputs: Sequence[Input],
    names: Mapping[str, str],
    network: onnx.ModelProto,
) -> onnx.ModelProto:
    """The inputs of a package, the transformer and the network behind it, as one graph.

    `names` gives the transformer's name of each input. An absent number becomes NaN, a chosen
    integer comes as text.
    """
    kinds = {column.name: column.kind for column in preprocessing.columns}
    nodes, tensors, constants = [], [], []
    for item in inputs:
        raw = PREFIX + names[item.name]
        kind = {"float32": FLOATS, "int64": INTEGERS, "string": TEXTS}[item.tensor]
        tensors.append(helper.make_tensor_value_info(item.name, kind, [None, 1]))
        indicator = item.missing.indicator if item.missing else None
        if indicator:
            tensors.append(helper.make_tensor_value_info(indicator, FLOATS, [None, 1]))
            nodes += [
                helper.make_node("Cast", [indicator], [f"{raw}:gone"], to=TensorProto.BOOL),
                helper.make_node("Where", [f"{raw}:gone", f"{PREFIX}nan", item.name], [raw]),
            ]
        elif kind != kinds[names[item.name]]:
            to = kinds[names[item.name]]
            nodes.append(helper.make_node("Cast", [item.name], [raw], to=to))
        else:
            nodes.append(helper.make_node("Identity", [item.name], [raw]))
    constants.append(helper.make_tensor(f"{PREFIX}nan", FLOATS, [1, 1], [float("nan")]))
    before, behind = preprocessing.graph.graph, network.graph
    taken = behind.input[0].name
    into = helper.make_node("Identity", [PREFIX], [taken])
    graph = helper.make_graph(
        [*nodes, *before.node, into, *behind.node], "model", tensors, list(behind.output),
        [*constants, *before.initializer, *behind.initializer],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=opsets(), ir_version=network.ir_version)
