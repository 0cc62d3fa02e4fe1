"""Scalers of scikit-learn as ONNX operators in double, as they are: years and totals need it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from onnx import TensorProto
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler


def write_shape(operator: Any) -> None:
    """What skl2onnx asks of a step first: float32 of the width of what it takes."""
    from skl2onnx.common.data_types import FloatTensorType

    rows = operator.inputs[0].type.shape[0]
    operator.outputs[0].type = FloatTensorType([rows, operator.raw_operator.n_features_in_])


def write_nodes(scope: Any, operator: Any, container: Any) -> None:
    """What skl2onnx asks of a step then: its nodes."""
    from skl2onnx.common import _apply_operation as apply

    doubles = []
    for variable in operator.inputs:
        doubles.append(scope.get_unique_variable_name("double"))
        apply.apply_cast(scope, variable.full_name, doubles[-1], container, to=TensorProto.DOUBLE)
    current = doubles[0]
    if len(doubles) > 1:
        current = scope.get_unique_variable_name("together")
        apply.apply_concat(scope, doubles, current, container, axis=1)
    for kind, *numbers in _steps(operator.raw_operator):
        names = [_constant(scope, container, values) for values in numbers]
        before, current = current, scope.get_unique_variable_name("scaled")
        name = scope.get_unique_operator_name(kind)
        container.add_node(kind, [before, *names], current, name=name)
    apply.apply_cast(scope, current, operator.outputs[0].full_name, container, to=TensorProto.FLOAT)


def _steps(scaler: Any) -> Iterator[tuple[Any, ...]]:
    """Operators one after the other, each with its second operand, one number a column."""
    if isinstance(scaler, MinMaxScaler):
        yield "Mul", scaler.scale_
        yield "Add", scaler.min_
        if scaler.clip:
            low, high = scaler.feature_range
            yield "Max", [low]
            yield "Min", [high]
        return
    middle = None
    if isinstance(scaler, StandardScaler) and scaler.with_mean:
        middle = scaler.mean_
    elif isinstance(scaler, RobustScaler) and scaler.with_centering:
        middle = scaler.center_
    if middle is not None:
        yield "Sub", middle
    if scaler.scale_ is not None:
        yield "Div", scaler.scale_


def _constant(scope: Any, container: Any, values: Any) -> str:
    name: str = scope.get_unique_variable_name("numbers")
    numbers = np.asarray(values, np.float64).reshape(-1)
    container.add_initializer(name, TensorProto.DOUBLE, [len(numbers)], numbers.tolist())
    return name


SCALERS: tuple[type, ...] = (StandardScaler, RobustScaler, MinMaxScaler, MaxAbsScaler)
