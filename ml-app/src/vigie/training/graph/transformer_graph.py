"""A fitted scikit-learn transformer as an ONNX graph of one tensor per column."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import onnx
from onnx import TensorProto, helper
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer

from vigie.errors import DataError
from vigie.training.graph import numpy_functions, numpy_scalers
from vigie.training.graph.numpy_scalers import SCALERS
from vigie.training.graph.opsets import ML_OPSET, OPSET, opsets

if TYPE_CHECKING:
    from skl2onnx.common.data_types import TensorType

PREFIX = "preprocess_"
WAY_OUT = "do that step before and give its result as inputs, or make it a Keras layer"
FLOATS, INTEGERS, TEXTS = map(int, (TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING))

_SHAPES = {
    FunctionTransformer: numpy_functions.write_shape,
    **dict.fromkeys(SCALERS, numpy_scalers.write_shape),
}
_NODES = {
    FunctionTransformer: numpy_functions.write_nodes,
    **dict.fromkeys(SCALERS, numpy_scalers.write_nodes),
}


@dataclass(frozen=True)
class RawColumn:
    """A column as the transformer takes it: its name there, and the type of its tensor."""

    name: str
    kind: int

    @property
    def whole(self) -> bool:
        """True where it holds whole numbers without a gap."""
        return self.kind == INTEGERS

    @property
    def tensor_type(self) -> TensorType:
        """The type by which the converter knows it: [rows, 1]."""
        from skl2onnx.common import data_types

        kinds = {
            FLOATS: data_types.FloatTensorType,
            INTEGERS: data_types.Int64TensorType,
            TEXTS: data_types.StringTensorType,
        }
        return kinds[self.kind]([None, 1])


def raw_kind(values: Sequence[Any]) -> int:
    """The tensor type of a column's values, `None` where absent; a gap makes integers floats."""
    present = [value for value in values if value is not None]
    if present and isinstance(present[0], str):
        return TEXTS
    whole = len(present) == len(values) and all(type(value) is int for value in present)
    return INTEGERS if whole else FLOATS


@dataclass(frozen=True)
class Converted:
    """A graph of one tensor per column, named `PREFIX` + its name, and one output, `PREFIX`."""

    columns: tuple[RawColumn, ...]
    graph: onnx.ModelProto


def convert_columns(transformer: Any, columns: tuple[RawColumn, ...]) -> Iterator[Converted]:
    """The graphs that skl2onnx makes of a transformer, by several ways of giving it the columns.

    Some steps want numbers of one type, some all columns as one tensor; a graph may be made and be
    wrong. Raises `DataError` where a step has no graph, or no way leads to one.
    """
    if found := next((step for step in steps_of(transformer) if _has_no_graph(step)), None):
        raise DataError(f"preprocess: {_described(found)} has no graph; {WAY_OUT}")
    made = 0
    failure = None
    for given, together in _ways(columns):
        try:
            graph = _convert(transformer, given, together)
        except DataError as refused:
            failure = failure or refused
            continue
        made += 1
        yield Converted(given, graph)
    if not made and failure:
        raise failure


def _ways(columns: tuple[RawColumn, ...]) -> Iterator[tuple[tuple[RawColumn, ...], bool]]:
    floats = tuple(replace(c, kind=FLOATS) if c.kind == INTEGERS else c for c in columns)
    yield columns, False
    if floats != columns:
        yield floats, False
    if len(columns) > 1 and all(column.kind == FLOATS for column in floats):
        yield floats, True


def _convert(transformer: Any, columns: Sequence[RawColumn], together: bool) -> onnx.ModelProto:
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    types = [(column.name, column.tensor_type) for column in columns]
    if together:
        types = [("together", FloatTensorType([None, len(columns)]))]
    try:
        model: onnx.ModelProto = convert_sklearn(
            _convertible(transformer), initial_types=types,
            target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET},
            custom_conversion_functions=_NODES, custom_shape_calculators=_SHAPES,
        )  # fmt: skip
    except Exception as failure:
        name = type(transformer).__name__
        raise DataError(
            f"preprocess: skl2onnx cannot turn this {name} into a graph "
            f"({_first_line(failure)}); {WAY_OUT}"
        ) from None
    return _prefixed(model, columns, together)


def _first_line(failure: Exception) -> str:
    line = (str(failure).splitlines() or [""])[0].split(". ")[0]
    return line[:160] or type(failure).__name__


def _prefixed(
    model: onnx.ModelProto, columns: Sequence[RawColumn], together: bool
) -> onnx.ModelProto:
    """All names apart from those of the network; the one output is `preprocess_`."""
    made = onnx.compose.add_prefix(model, f"{PREFIX}:")
    graph = made.graph
    last = graph.output[0].name
    if graph.output[0].type.tensor_type.elem_type == TEXTS:
        raise DataError(f"preprocess gives texts and no numbers; {WAY_OUT}")
    taken = [value.name for value in graph.input]
    names = [PREFIX + column.name for column in columns]
    # skl2onnx has names of its own for columns with a space or a dot, and keeps their order
    before = (
        [helper.make_node("Concat", names, taken, axis=1)]
        if together
        else [helper.make_node("Identity", [a], [b]) for a, b in zip(names, taken, strict=True)]
    )
    nodes = [*before, *graph.node, helper.make_node("Cast", [last], [PREFIX], to=FLOATS)]
    del graph.node[:], graph.input[:], graph.output[:]
    graph.node.extend(nodes)
    graph.input.extend(
        helper.make_tensor_value_info(name, column.kind, [None, 1])
        for name, column in zip(names, columns, strict=True)
    )
    graph.output.append(helper.make_tensor_value_info(PREFIX, FLOATS, [None, None]))
    # skl2onnx writes for the operators of its target and then names the oldest that has them all
    del made.opset_import[:]
    made.opset_import.extend(opsets())
    return made


def steps_of(transformer: Any) -> Iterator[Any]:
    """The transformers inside a transformer, itself last."""
    if isinstance(transformer, Pipeline):
        for _, step in transformer.steps:
            yield from steps_of(step)
    elif isinstance(transformer, ColumnTransformer):
        for _, step, _ in getattr(transformer, "transformers_", transformer.transformers):
            yield from steps_of(step)
    elif isinstance(transformer, FeatureUnion):
        for _, step in transformer.transformer_list:
            yield from steps_of(step)
    elif isinstance(transformer, BaseEstimator):
        yield transformer


def _has_no_graph(step: Any) -> bool:
    from skl2onnx._parse import sklearn_operator_name_map

    if isinstance(step, FunctionTransformer):
        return not numpy_functions.has_graph(step)
    if isinstance(step, SimpleImputer):
        return bool(step.add_indicator)
    if isinstance(step, CountVectorizer | HashingVectorizer):
        # its graph needs a locale of the machine that serves
        return True
    return type(step) not in sklearn_operator_name_map


def _described(step: Any) -> str:
    if isinstance(step, FunctionTransformer):
        return f"FunctionTransformer({getattr(step.func, '__name__', 'a function')})"
    if isinstance(step, SimpleImputer):
        return "SimpleImputer(add_indicator=True)"
    return type(step).__name__


def _convertible(transformer: Any) -> Any:
    """A copy whose imputers of texts let everything pass: an absent text is filled in decoding."""
    made = copy.deepcopy(transformer)
    _replace_steps(made)
    return made


def _replace_steps(transformer: Any) -> None:
    if isinstance(transformer, Pipeline):
        transformer.steps = [
            (name, FunctionTransformer() if _passes(step) else step)
            for name, step in transformer.steps
        ]
        for _, step in transformer.steps:
            _replace_steps(step)
    elif isinstance(transformer, ColumnTransformer):
        for _, step, _ in transformer.transformers_:
            _replace_steps(step)
    elif isinstance(transformer, FeatureUnion):
        for _, step in transformer.transformer_list:
            _replace_steps(step)


def _passes(step: Any) -> bool:
    return step is None or step == "passthrough" or fills_texts(step)


def fills_texts(step: Any) -> bool:
    """True for an imputer of texts."""
    statistics = getattr(step, "statistics_", None)
    return (
        isinstance(step, SimpleImputer)
        and statistics is not None
        and any(isinstance(value, str) for value in statistics)
    )


def text_fills(transformer: Any) -> list[str]:
    """The texts that the imputers of a transformer put where one is absent."""
    return [
        str(value)
        for step in steps_of(transformer)
        if fills_texts(step)
        for value in step.statistics_
        if isinstance(value, str)
    ]
