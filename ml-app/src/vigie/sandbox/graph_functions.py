"""Puts the local functions of an ONNX file into its graph: what is served has operators alone."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
import onnx.inliner

from vigie.errors import RefusedPackage
from vigie.sandbox.graph_parts import nodes_in, nodes_of, plain_domain, shown

MOST_NODES = 200_000
MOST_DEPTH = 50

_Key = tuple[str, str]


def without_functions(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with no function, and no set of operators that it does not use.

    Refuses functions that call themselves, and those that would become too large a graph.
    """
    if model.functions:
        _check_growth(model)
        try:
            model = onnx.inliner.inline_local_functions(model)
        except Exception:
            raise RefusedPackage("the functions of the graph cannot be put into it") from None
        if model.functions:
            # a function with operators of another version stays where it is
            name = shown(model.functions[0].name)
            raise RefusedPackage(f"the function {name} is of another version than the graph")
    used = {plain_domain(node.domain) for node in nodes_of(model.graph)}
    kept = [each for each in model.opset_import if plain_domain(each.domain) in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    return model


def _check_growth(model: onnx.ModelProto) -> None:
    """Counts the nodes that the graph would have, without making them."""
    bodies = {(each.domain, each.name): nodes_in(each) for each in model.functions}
    sizes: dict[_Key, int] = {}
    waiting: set[_Key] = set()

    def size_of(key: _Key) -> int:
        if key in waiting:
            raise RefusedPackage(f"the function {shown(key[1])} calls itself")
        if key not in sizes:
            if len(waiting) > MOST_DEPTH:
                raise RefusedPackage("the functions of the graph are nested too deeply")
            waiting.add(key)
            sizes[key] = total(bodies[key])
            waiting.discard(key)
        return sizes[key]

    def total(nodes: Sequence[onnx.NodeProto]) -> int:
        keys = [(node.domain, node.op_type) for node in nodes]
        return sum(size_of(key) if key in bodies else 1 for key in keys)

    if total(nodes_of(model.graph)) > MOST_NODES:
        raise RefusedPackage(f"with its functions the graph has more than {MOST_NODES:,} operators")
