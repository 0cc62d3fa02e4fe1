"""What the sandbox runs for an ONNX file: the graph to the parts of a package. No TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.engines.onnx import OnnxEngine
from vigie.errors import DataError, ModelFailure, RefusedPackage
from vigie.sandbox.graph import check_constants, check_operators, read_graph
from vigie.sandbox.graph_functions import without_functions
from vigie.sandbox.graph_parts import nodes_of, plain_domain
from vigie.sandbox.graph_sizes import check_sizes as check_value_sizes
from vigie.training.graph.agreement import compare_graph
from vigie.training.graph.simplification import simplify
from vigie.training.imported.inputs import describe_inputs
from vigie.training.imported.onnx_inputs import check_sizes, describe_tensors, original_feeds
from vigie.training.imported.onnx_outputs import check_outputs, choose_outputs, named_apart
from vigie.training.imported.onnx_photos import find_scaling
from vigie.training.imported.onnx_rewrite import package_graph
from vigie.training.imported.onnx_versions import too_new
from vigie.training.imported.parts import parts_of, tried_rows
from vigie.training.imported.photos import PhotoOptions, Question, decide

if TYPE_CHECKING:
    import onnx

    from vigie.engines.base import Feeds

ANSWER_SECONDS = 30
"""How long the few rows may take that every model is tried on."""
OLDEST_OPSET = 7


def to_package(
    folder: Path,
    source: str,
    labels: Sequence[str],
    columns: Sequence[str],
    examples: Sequence[dict[str, Any]],
    photos: dict[str, Any] | None = None,
    seconds: float = ANSWER_SECONDS,
) -> dict[str, Any]:
    """Writes `model.onnx` with the inputs of a package; gives what the package says of it.

    Where something must be said of its photos first, it is the `question` alone.
    """
    path = Path(source)
    model = _plain_model(path)
    tensors = describe_tensors(model.graph, columns)
    options = PhotoOptions.from_dict(photos) if photos else PhotoOptions()
    taken = decide(tensors, options, lambda: find_scaling(model.graph, tensors[0].name))
    if isinstance(taken, Question):
        return {"question": taken.to_dict()}
    if taken is None:
        for tensor in tensors:
            check_sizes(tensor)
    inputs = describe_inputs(tensors, columns) if taken is None else (taken.item,)
    rows, feeds = tried_rows(inputs, list(examples))
    engine = _open(path, model, folder)
    given = original_feeds(model.graph, inputs, feeds, taken)
    answers = _answers(engine, given, model, seconds)
    found, served = choose_outputs(model.graph, answers, len(rows), tuple(labels))
    served = named_apart(served, {item.name for item in inputs})
    expected = {each.name: each.expected() for each in served}
    made = folder / "model.onnx"
    graph = package_graph(model, inputs, served, taken)
    simplify(graph)
    made.write_bytes(graph.SerializeToString())
    parts = parts_of(folder, inputs, rows, expected, found, taken)
    parts["difference"] = compare_graph(made, feeds, expected)
    _check_rows(made, feeds, expected)
    return parts


def _plain_model(path: Path) -> onnx.ModelProto:
    """The model in the file: of standard operators alone, its constants and sizes looked at."""
    model = read_graph(path, path.name)
    if not model.graph.node:
        raise RefusedPackage(f"{path.name} holds an empty graph")
    check_operators(model)
    check_constants(model)
    model = without_functions(model)
    _check_oldest(model)
    check_outputs(model.graph)
    check_value_sizes(model)
    return model


def _check_oldest(model: onnx.ModelProto) -> None:
    for opset in model.opset_import:
        if not plain_domain(opset.domain) and opset.version < OLDEST_OPSET:
            raise RefusedPackage(
                f"its operators are of version {opset.version}; export it with opset "
                f"{OLDEST_OPSET} or later"
            )


def _open(path: Path, model: onnx.ModelProto, folder: Path) -> OnnxEngine:
    """The graph as it came; where that cannot be, without what it declares of its answers."""
    try:
        return OnnxEngine(path)
    except RefusedPackage as refused:
        if reason := too_new(model):
            raise RefusedPackage(reason) from None
        # converters of scikit-learn declare float64 for answers that the operator gives as float32
        for value in model.graph.output:
            value.ClearField("type")
        plain = folder / "plain.onnx"
        plain.write_bytes(model.SerializeToString())
        try:
            return OnnxEngine(plain)
        except RefusedPackage:
            raise RefusedPackage(str(refused).replace("vigie/model.onnx", path.name)) from None


def _answers(
    engine: OnnxEngine, feeds: Feeds, model: onnx.ModelProto, seconds: float
) -> dict[str, Any]:
    """What the graph as it came answers to the rows."""
    try:
        return engine.run_within(feeds, seconds)
    except ModelFailure as failure:
        if failure.reason == "memory":
            raise RefusedPackage("a few rows take it more memory than there is") from None
        if failure.reason == "slow":
            loops = {node.op_type for node in nodes_of(model.graph)} & {"Loop", "Scan"}
            why = f": its {min(loops)} does not end" if loops else ""
            raise RefusedPackage(f"a few rows take it longer than {seconds:g} s{why}") from None
    raise DataError(
        "the graph fails on the rows that it is tried on: give rows of yours with --examples; if "
        "it was made for one row at a time, export it again with dynamic_axes"
    )


def _check_rows(made: Path, feeds: Feeds, expected: dict[str, np.ndarray]) -> None:
    """Refuses a graph that answers a row otherwise when others are asked with it."""
    # each row twice: a single example would pass a graph that is made for a single row
    for take in ([0], np.repeat(np.arange(len(next(iter(expected.values())))), 2)):
        try:
            compare_graph(
                made,
                {name: values[take] for name, values in feeds.items()},
                {name: values[take] for name, values in expected.items()},
            )
        except DataError:
            raise DataError(
                "the graph answers a row otherwise alone than among others; if it was made for "
                "one row at a time, export it again with dynamic_axes"
            ) from None
