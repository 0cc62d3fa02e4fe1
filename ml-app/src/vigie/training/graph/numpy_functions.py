"""Functions of NumPy in a scikit-learn transformer, as ONNX operators."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto

# one operator after the other; a number stands for the addition of it
OPERATORS: dict[Any, tuple[str | float, ...]] = {
    np.log: ("Log",),
    np.log1p: (1.0, "Log"),
    np.exp: ("Exp",),
    np.expm1: ("Exp", -1.0),
    np.sqrt: ("Sqrt",),
    np.abs: ("Abs",),
    np.sin: ("Sin",),
    np.cos: ("Cos",),
    np.tanh: ("Tanh",),
}


def has_graph(step: Any) -> bool:
    """True where a FunctionTransformer lets all pass, or is one of these functions and no more."""
    if step.func is None:
        return True
    return not step.kw_args and isinstance(step.func, np.ufunc) and step.func in OPERATORS


def write_shape(operator: Any) -> None:
    """What skl2onnx asks of a step first: the type and the width of its output."""
    from skl2onnx.common.data_types import FloatTensorType

    given = operator.inputs[0].type
    widths = [variable.type.shape[1] for variable in operator.inputs]
    shape = [given.shape[0], None if None in widths else sum(widths)]
    operator.outputs[0].type = (
        FloatTensorType(shape) if _of_floats(operator) else type(given)(shape)
    )


def write_nodes(scope: Any, operator: Any, container: Any) -> None:
    """What skl2onnx asks of a step then: its nodes."""
    from skl2onnx.common import _apply_operation as apply

    func = operator.raw_operator.func
    taken = [variable.full_name for variable in operator.inputs]
    steps = () if func is None else OPERATORS[func]
    if _of_floats(operator):
        taken = [_cast(apply, scope, name, container) for name in taken]
    current = taken[0]
    if len(taken) > 1:
        current = scope.get_unique_variable_name("together")
        apply.apply_concat(scope, taken, current, container, axis=1)
    for step in steps:
        before, current = current, scope.get_unique_variable_name("step")
        if isinstance(step, str):
            name = scope.get_unique_operator_name(step)
            container.add_node(step, before, current, name=name)
        else:
            number = scope.get_unique_variable_name("number")
            container.add_initializer(number, TensorProto.FLOAT, [1], [step])
            apply.apply_add(scope, [before, number], current, container)
    apply.apply_identity(scope, current, operator.outputs[0].full_name, container)


def _of_floats(operator: Any) -> bool:
    """True where the step answers floats: it reckons, or its columns are of several types."""
    kinds = {type(variable.type) for variable in operator.inputs}
    return operator.raw_operator.func is not None or len(kinds) > 1


def _cast(apply: Any, scope: Any, name: str, container: Any) -> str:
    made: str = scope.get_unique_variable_name("float")
    apply.apply_cast(scope, name, made, container, to=TensorProto.FLOAT)
    return made
