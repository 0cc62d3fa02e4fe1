"""A fitted scikit-learn transformer before a network: one graph from raw columns to the answer."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime as ort
import pandas as pd
from onnx import TensorProto, helper
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

from vigie.errors import DataError
from vigie.training.export import ML_OPSET, OPSET

if TYPE_CHECKING:
    from skl2onnx.common.data_types import TensorType

    from vigie.models.document import Input

PREFIX = "preprocess_"
WAY_OUT = "do that step before and give its result as inputs, or make it a Keras layer"
_FLOATS, _INTEGERS, _TEXTS = map(int, (TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING))


@dataclass(frozen=True)
class RawColumn:
    """A column as the transformer takes it: its name there, and the type of its tensor."""

    name: str
    kind: int

    @property
    def whole(self) -> bool:
        """True where it holds whole numbers without a gap."""
        return self.kind == _INTEGERS

    @property
    def tensor_type(self) -> TensorType:
        """The type by which the converter knows it: [rows, 1]."""
        from skl2onnx.common import data_types

        kinds = {
            _FLOATS: data_types.FloatTensorType,
            _INTEGERS: data_types.Int64TensorType,
            _TEXTS: data_types.StringTensorType,
        }
        return kinds[self.kind]([None, 1])


def raw_kind(values: Sequence[Any]) -> int:
    """The tensor type of a column's values, `None` where absent; a gap makes integers floats."""
    present = [value for value in values if value is not None]
    if present and isinstance(present[0], str):
        return _TEXTS
    whole = len(present) == len(values) and all(type(value) is int for value in present)
    return _INTEGERS if whole else _FLOATS


class Preprocessing:
    """A fitted transformer of `columns`, as it is and as a graph that answers the same.

    Raises `DataError` where the transformer is not fitted to these columns, or holds a step that
    has no graph.
    """

    def __init__(self, transformer: Any, columns: Sequence[RawColumn]) -> None:
        self._transformer = transformer
        self.columns, converted = _convert_columns(transformer, tuple(columns))
        self.graph = _prefixed(converted)
        options = ort.SessionOptions()
        options.log_severity_level = 4
        self._session = ort.InferenceSession(
            self.graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def transform(self, table: Mapping[str, Sequence[Any]]) -> np.ndarray:
        """What the transformer itself makes of columns: float32 [rows, width]."""
        frame = pd.DataFrame(
            {column.name: _series(table[column.name], column.kind) for column in self.columns}
        )
        with warnings.catch_warnings():
            # a transformer that was fitted to an array knows no names
            warnings.simplefilter("ignore", UserWarning)
            made = self._transformer.transform(frame)
        dense = made.toarray() if hasattr(made, "toarray") else np.asarray(made)
        return np.asarray(dense, np.float32).reshape(len(frame), -1)

    def run(self, table: Mapping[str, Sequence[Any]]) -> np.ndarray:
        """What the graph makes of columns; an absent text must have been filled."""
        feeds = {
            PREFIX + column.name: _tensor(table[column.name], column.kind)
            for column in self.columns
        }
        answer = self._session.run(None, feeds)[0]
        return np.asarray(answer, np.float32).reshape(len(answer), -1)

    def check(self, table: Mapping[str, Sequence[Any]], texts: Mapping[str, str]) -> None:
        """Raises `DataError` where graph and transformer differ; `texts` fills absent texts."""
        filled = {
            name: [texts.get(name, value) if value is None else value for value in values]
            for name, values in table.items()
        }
        wanted, got = self.transform(table), self.run(filled)
        if wanted.shape != got.shape:
            raise DataError(_not_alike(self._transformer))
        if not np.allclose(got, wanted, rtol=1e-4, atol=1e-5, equal_nan=True):
            raise DataError(_not_alike(self._transformer))

    def fill_of(self, row: Mapping[str, Any], name: str, seen: Sequence[str]) -> str | None:
        """The text that the graph answers as the transformer answers an absent one, if any does."""
        try:
            wanted = self.transform(_table(row, name, [None]))
        except (ValueError, TypeError):
            return None
        for text in dict.fromkeys([*_text_fills(self._transformer), *seen, "nan", "None", ""]):
            try:
                got = self.run(_table(row, name, [text]))
            except ort.capi.onnxruntime_pybind11_state.Fail:
                # no category of the transformer
                continue
            if np.allclose(got, wanted, rtol=1e-4, atol=1e-5):
                return text
        return None

    def takes(self, row: Mapping[str, Any], name: str, value: Any) -> bool:
        """True where the transformer answers this value of a column with finite numbers."""
        try:
            return bool(np.isfinite(self.transform(_table(row, name, [value]))).all())
        except (ValueError, TypeError):
            return False


def require_fitted(transformer: Any) -> None:
    """Raises `DataError` for what is no transformer, or one that was never fitted."""
    if not hasattr(transformer, "transform"):
        raise DataError("preprocess= takes a scikit-learn transformer that was fitted")
    try:
        check_is_fitted(transformer)
    except (NotFittedError, TypeError):
        name = type(transformer).__name__
        raise DataError(f"preprocess: this {name} is not fitted; call its fit first") from None


def _table(row: Mapping[str, Any], name: str, values: Sequence[Any]) -> dict[str, list[Any]]:
    """One row again and again, with these values in one of its columns."""
    return {
        key: list(values) if key == name else [value] * len(values) for key, value in row.items()
    }


def _series(values: Sequence[Any], kind: int) -> pd.Series[Any]:
    if kind == _TEXTS:
        return pd.Series([np.nan if v is None else v for v in values], dtype=object)
    if kind == _INTEGERS and all(value is not None for value in values):
        return pd.Series(values, dtype=np.int64)
    return pd.Series([np.nan if v is None else v for v in values], dtype=np.float64)


def _tensor(values: Sequence[Any], kind: int) -> np.ndarray:
    if kind == _TEXTS:
        return np.array(values, object).reshape(-1, 1)
    if kind == _INTEGERS:
        return np.array(values, np.int64).reshape(-1, 1)
    return np.array([np.nan if v is None else v for v in values], np.float32).reshape(-1, 1)


def _convert_columns(
    transformer: Any, columns: tuple[RawColumn, ...]
) -> tuple[tuple[RawColumn, ...], onnx.ModelProto]:
    """The graph, and the columns as it takes them: some steps want numbers of one type."""
    floats = tuple(RawColumn(c.name, _FLOATS if c.kind == _INTEGERS else c.kind) for c in columns)
    try:
        return columns, _convert(transformer, columns)
    except DataError:
        if floats == columns:
            raise
    return floats, _convert(transformer, floats)


def _convert(transformer: Any, columns: Sequence[RawColumn]) -> onnx.ModelProto:
    from skl2onnx import convert_sklearn

    if found := next((step for step in _steps(transformer) if _has_no_graph(step)), None):
        raise DataError(f"preprocess: {_described(found)} has no graph; {WAY_OUT}")
    types = [(column.name, column.tensor_type) for column in columns]
    try:
        model: onnx.ModelProto = convert_sklearn(
            _without_text_imputers(transformer), initial_types=types,
            target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET},
        )  # fmt: skip
    except Exception as failure:
        name = type(transformer).__name__
        raise DataError(
            f"preprocess: skl2onnx cannot turn this {name} into a graph "
            f"({_first_line(failure)}); {WAY_OUT}"
        ) from None
    return model


def _first_line(failure: Exception) -> str:
    line = (str(failure).splitlines() or [""])[0].split(". ")[0]
    return line[:160] or type(failure).__name__


def _prefixed(model: onnx.ModelProto) -> onnx.ModelProto:
    """All names apart from those of the network; the one output is `preprocess_`."""
    made = onnx.compose.add_prefix(model, PREFIX)
    graph = made.graph
    last = graph.output[0].name
    kind = graph.output[0].type.tensor_type.elem_type
    graph.node.append(helper.make_node("Cast", [last], [PREFIX], to=_FLOATS))
    if kind == _TEXTS:
        raise DataError(f"preprocess gives texts and no numbers; {WAY_OUT}")
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(PREFIX, _FLOATS, [None, None]))
    # skl2onnx writes for the operators of its target and then names the oldest that has them all
    del made.opset_import[:]
    made.opset_import.extend(opsets())
    return made


def opsets() -> list[onnx.OperatorSetIdProto]:
    """The operator sets of every graph that training writes."""
    return [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]


def _steps(transformer: Any) -> Iterator[Any]:
    """The transformers inside a transformer, itself last."""
    if isinstance(transformer, Pipeline):
        for _, step in transformer.steps:
            yield from _steps(step)
    elif isinstance(transformer, ColumnTransformer):
        for _, step, _ in getattr(transformer, "transformers_", transformer.transformers):
            yield from _steps(step)
    elif isinstance(transformer, BaseEstimator):
        yield transformer


def _has_no_graph(step: Any) -> bool:
    from skl2onnx._parse import sklearn_operator_name_map

    if isinstance(step, FunctionTransformer):
        return step.func is not None
    if isinstance(step, SimpleImputer):
        return bool(step.add_indicator)
    return type(step) not in sklearn_operator_name_map


def _described(step: Any) -> str:
    if isinstance(step, FunctionTransformer):
        return f"FunctionTransformer({getattr(step.func, '__name__', 'a function')})"
    if isinstance(step, SimpleImputer):
        return "SimpleImputer(add_indicator=True)"
    return type(step).__name__


def _without_text_imputers(transformer: Any) -> Any:
    """A copy whose imputers of texts let everything pass: an absent text is filled in decoding."""
    made = copy.deepcopy(transformer)
    _replace_text_imputers(made)
    return made


def _replace_text_imputers(transformer: Any) -> None:
    if isinstance(transformer, Pipeline):
        transformer.steps = [
            (name, FunctionTransformer() if _fills_texts(step) else step)
            for name, step in transformer.steps
        ]
        for _, step in transformer.steps:
            _replace_text_imputers(step)
    elif isinstance(transformer, ColumnTransformer):
        for _, step, _ in transformer.transformers_:
            _replace_text_imputers(step)


def _fills_texts(step: Any) -> bool:
    statistics = getattr(step, "statistics_", None)
    return (
        isinstance(step, SimpleImputer)
        and statistics is not None
        and any(isinstance(value, str) for value in statistics)
    )


def _text_fills(transformer: Any) -> list[str]:
    return [
        str(value)
        for step in _steps(transformer)
        if _fills_texts(step)
        for value in step.statistics_
        if isinstance(value, str)
    ]


def _not_alike(transformer: Any) -> str:
    return (
        f"preprocess: the graph of this {type(transformer).__name__} answers otherwise than the "
        f"transformer itself; {WAY_OUT}"
    )


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
        kind = {"float32": _FLOATS, "int64": _INTEGERS, "string": _TEXTS}[item.tensor]
        tensors.append(helper.make_tensor_value_info(item.name, kind, [None, 1]))
        indicator = item.missing.indicator if item.missing else None
        if indicator:
            tensors.append(helper.make_tensor_value_info(indicator, _FLOATS, [None, 1]))
            nodes += [
                helper.make_node("Cast", [indicator], [f"{raw}:gone"], to=TensorProto.BOOL),
                helper.make_node("Where", [f"{raw}:gone", f"{PREFIX}nan", item.name], [raw]),
            ]
        elif kind != kinds[names[item.name]]:
            to = kinds[names[item.name]]
            nodes.append(helper.make_node("Cast", [item.name], [raw], to=to))
        else:
            nodes.append(helper.make_node("Identity", [item.name], [raw]))
    constants.append(helper.make_tensor(f"{PREFIX}nan", _FLOATS, [1, 1], [float("nan")]))
    before, behind = preprocessing.graph.graph, network.graph
    taken = behind.input[0].name
    into = helper.make_node("Identity", [PREFIX], [taken])
    graph = helper.make_graph(
        [*nodes, *before.node, into, *behind.node], "model", tensors, list(behind.output),
        [*constants, *before.initializer, *behind.initializer],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=opsets(), ir_version=network.ir_version)
