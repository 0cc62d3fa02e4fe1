"""A caller's own model and rows, brought together: the inputs of a package, and what fills them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import keras

from vigie.errors import DataError
from vigie.frames import input_name
from vigie.models.model_input import Input
from vigie.training.imported.inputs import InputTensor
from vigie.training.imported.keras_model import tensors_of, with_inputs
from vigie.training.plan import fit_input

if TYPE_CHECKING:
    from vigie.models.model_input import Missing, Number
    from vigie.models.text import Text
    from vigie.training.own.table import OwnColumn, OwnTable

MOST_CHOICES = 200
"""A text with more values than these is free text: it has no choices, and no drift."""


@dataclass(frozen=True)
class Described:
    """What a caller says of his inputs beyond their values, by the names of his columns."""

    units: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, tuple[Number | None, Number | None]] = field(default_factory=dict)
    choices: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    help: Mapping[str, Text] = field(default_factory=dict)

    def closed(self, column: OwnColumn) -> Described:
        """The same, with the values that were seen of a column as its only choices."""
        seen = sorted({value for value in column.values if value is not None})
        return replace(self, choices={**self.choices, column.name: seen})

    def check(self, names: Sequence[str]) -> None:
        """Raises `DataError` for a name that no column has."""
        for option in ("units", "limits", "choices", "help"):
            for name in getattr(self, option):
                if name not in names:
                    raise DataError(f"{option}= names {name}; the columns are {', '.join(names)}")


@dataclass(frozen=True)
class Matched:
    """Each column of a table with the tensor that it fills, in the order of the package's inputs.

    `together`: the columns side by side are the one vector that the model takes.
    """

    columns: tuple[OwnColumn, ...]
    tensors: tuple[InputTensor, ...]
    together: bool


def package_names(table: OwnTable) -> dict[str, str]:
    """The name in the package of each column: what a caller can write in JSON and in a form."""
    names: dict[str, str] = {}
    for column in table.names:
        name = input_name(column)
        if name in names.values():
            other = next(raw for raw, taken in names.items() if taken == name)
            raise DataError(f"columns {other} and {column} would both be {name}; rename one")
        names[column] = name
    return names


def functional(model: Any, table: OwnTable) -> keras.Model:
    """The model as one of named inputs and outputs: a subclassed one is called once to get them."""
    if not isinstance(model, keras.Model):
        raise DataError(f"model is a {type(model).__name__}; log_model takes a keras.Model")
    if getattr(model, "inputs", None):
        struct = getattr(model, "_outputs_struct", None)
        if isinstance(struct, Mapping):
            return keras.Model(model._inputs_struct, _named_outputs(struct))
        # a Sequential model has no names for its outputs
        named = hasattr(model, "output_names")
        return model if named else keras.Model(model.inputs, model.outputs)
    wide = all(not column.shape for column in table.columns) and len(table.columns) > 1
    given: Any
    if wide:
        given = keras.Input((len(table.columns),), name="inputs")
    else:
        made = {c.name: keras.Input(c.shape or (1,), dtype=_dtype(c)) for c in table.columns}
        given = made if table.named and len(made) > 1 else next(iter(made.values()))
    try:
        answer = model(given)
        if isinstance(answer, list | tuple):
            answer = {f"output_{place}": one for place, one in enumerate(answer, 1)}
        return keras.Model(given, _named_outputs(answer) if isinstance(answer, dict) else answer)
    except Exception as failure:
        raise DataError(
            f"the model cannot be called with these inputs ({type(failure).__name__}); build it "
            "with keras.Input, or give inputs as it takes them"
        ) from None


def require_float32(model: keras.Model) -> None:
    """Raises `DataError` for a model whose answers to a row depend on the rows beside it."""
    kinds = {str(getattr(layer, "compute_dtype", "")) for layer in model._flatten_layers()}
    if half := kinds & {"float16", "bfloat16"}:
        raise DataError(
            f"the model computes in {min(half)}, too coarse to be checked; build it again with the "
            "dtype policy float32 and give it the weights of this one (set_weights)"
        )


def _named_outputs(outputs: Mapping[str, Any]) -> list[Any]:
    """Outputs in the order of the caller's dict, by the names that he gave them there."""
    return [keras.layers.Identity(name=str(name))(value) for name, value in outputs.items()]


def named_inputs(model: Any, given: Any) -> Any:
    """One array per input in a list, as Keras takes them, by the names of the inputs."""
    names = [tensor.name for tensor in getattr(model, "inputs", None) or ()]
    if isinstance(given, list | tuple) and 1 < len(names) == len(given):
        return dict(zip(names, given, strict=True))
    return given


def _dtype(column: OwnColumn) -> str:
    return "string" if column.kind == "text" else "float32"


def match(model: keras.Model, table: OwnTable) -> Matched:
    """Which column fills which input of the model. Raises `DataError` where they do not fit."""
    tensors = tensors_of(model)
    if len(tensors) == 1:
        tensor = tensors[0]
        if len(table.columns) == 1:
            _check_shape(table.columns[0], tensor)
            return Matched(table.columns, (tensor,), False)
        if tensor.dtype != "string" and len(tensor.shape) == 1:
            return _side_by_side(tensor, table)
    named = {name: tensor for tensor in tensors for name in (input_name(tensor.name), tensor.name)}
    chosen = [
        named.get(column.name) or named.get(input_name(column.name)) for column in table.columns
    ]
    wanted = ", ".join(f"{tensor.name} {list(tensor.shape)}" for tensor in tensors)
    for column, found in zip(table.columns, chosen, strict=True):
        if found is None:
            raise DataError(f"inputs: the model has no input {column.name}; it takes {wanted}")
    if missing := [tensor.name for tensor in tensors if tensor not in chosen]:
        raise DataError(f"inputs: there is nothing for the model's input {missing[0]}")
    by_tensor = {
        found.name: column for found, column in zip(chosen, table.columns, strict=True) if found
    }
    columns = tuple(by_tensor[tensor.name] for tensor in tensors)
    for column, tensor in zip(columns, tensors, strict=True):
        _check_shape(column, tensor)
    return Matched(columns, tuple(tensors), False)


def _side_by_side(tensor: InputTensor, table: OwnTable) -> Matched:
    count = len(table.columns)
    if tensor.shape not in ((count,), (None,)):
        raise DataError(
            f"inputs: there are {count} columns ({', '.join(table.names)}), the model takes "
            f"{tensor.shape[0]} numbers"
        )
    for column in table.columns:
        if column.shape:
            raise DataError(f"inputs: {column.name} holds arrays, the model takes one vector")
        if column.kind == "text":
            raise DataError(
                f"inputs: column {column.name} is text, the model takes numbers; give the fitted "
                "scikit-learn transformer that made them as preprocess="
            )
    kind = tensor.dtype
    tensors = tuple(InputTensor(column.name, kind, ()) for column in table.columns)
    return Matched(table.columns, tensors, True)


def _check_shape(column: OwnColumn, tensor: InputTensor) -> None:
    wanted = () if tensor.shape == (1,) else tensor.shape
    fits = len(wanted) == len(column.shape) and all(
        size in (None, given) for size, given in zip(wanted, column.shape, strict=True)
    )
    if not fits:
        raise DataError(
            f"inputs: {column.name} is of the shape {[*column.shape] or 'of one value'} a row, "
            f"the model takes {[*tensor.shape]}"
        )
    if (column.kind == "text") != (tensor.dtype == "string"):
        raise DataError(
            f"inputs: {column.name} holds {column.kind}s, the model takes {tensor.dtype}"
        )


def describe_input(
    column: OwnColumn, name: str, tensor: str, described: Described, missing: Missing | None = None
) -> Input:
    """The input of a package for one column: its type, what was seen of it, what was said of it.

    `tensor` is the type in the graph; `missing` makes it optional.
    """
    stated = described.choices.get(column.name)
    low, high = described.limits.get(column.name, (None, None))
    boolean = column.kind == "boolean"
    item = Input.model_validate(
        {
            "name": name,
            "label": column.name if column.name != name else name.replace("_", " "),
            "dtype": _package_type(column, tensor),
            "tensor": tensor,
            "shape": column.shape,
            "unit": described.units.get(column.name),
            "required": missing is None,
            "missing": None if missing is None else missing.model_dump(),
            "limits": (0, 1) if boolean else None if (low, high) == (None, None) else (low, high),
            "choices": None if stated is None else {"values": [str(value) for value in stated]},
            "help": described.help.get(column.name),
            "example": None,
        }
    )
    if column.shape:
        return item.model_copy(update={"example": column.values[0].tolist()})
    present = [value for value in column.values if value is not None]
    distinct = set(present)
    if column.kind == "text" and stated is None and len(distinct) > MOST_CHOICES:
        return item.model_copy(update={"example": present[0]})
    return fit_input(item, column.values, missing)


def _package_type(column: OwnColumn, tensor: str) -> str:
    if column.kind == "text":
        return "string"
    return "int64" if column.kind in ("integer", "boolean") or tensor == "int64" else "float32"


def tensor_type(tensor: InputTensor) -> str:
    """The type in the graph of a package for an input of the model."""
    if tensor.dtype == "string":
        return "string"
    return "int64" if tensor.dtype.startswith(("int", "uint", "bool")) else "float32"


def wrapped(model: keras.Model, inputs: Sequence[Input], matched: Matched) -> keras.Model:
    """The model behind the inputs of a package."""
    return with_inputs(model, inputs, matched.together, 0)
