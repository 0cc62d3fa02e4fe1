"""An imported Keras model, given the inputs of a package. Run it in the sandbox."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import keras

from vigie.errors import DataError
from vigie.sandbox.keras_archive import check_config, check_keras_file
from vigie.sandbox.weights import check_hdf5, check_keras_weights
from vigie.training.imported.inputs import InputTensor, safe_name
from vigie.training.imported.keras_photos import scaled

if TYPE_CHECKING:
    from vigie.models.model_input import Input
    from vigie.training.imported.photos import TakenPhotos


def load_keras(path: Path, folder: Path) -> keras.Model:
    """The model in a `.keras` or `.h5` file, checked before Keras opens it."""
    if path.suffix == ".keras":
        check_keras_file(path, path.name)
        check_keras_weights(path, folder, path.name)
    else:
        check_hdf5(path, path.name)
        with h5py.File(path, "r") as file:
            config = file.attrs.get("model_config")
        if config is None:
            raise DataError(f"{path.name} holds weights and no model")
        check_config(json.loads(config), path.name, legacy=True)
    model = keras.saving.load_model(path, compile=False, safe_mode=True)
    if not getattr(model, "inputs", None):
        raise DataError(
            f"{path.name} does not say what the model takes; build it and save it again"
        )
    return model


def tensors_of(model: keras.Model) -> list[InputTensor]:
    """What the model takes."""
    return [InputTensor(t.name, str(t.dtype), tuple(t.shape[1:])) for t in model.inputs]


def with_inputs(
    model: keras.Model,
    inputs: Sequence[Input],
    columns: bool,
    labels: int,
    photos: TakenPhotos | None = None,
) -> keras.Model:
    """The model behind the inputs of a package, one tensor each; of standard layers only."""
    named = {
        item.name: keras.Input(item.shape or (1,), dtype=item.tensor, name=item.name)
        for item in inputs
    }
    if model.name in named:
        model = keras.Model(model.inputs, model.outputs, name=f"{model.name}.model")
    given = list(named.values())
    if columns and len(given) > 1:
        given = [keras.layers.Concatenate(name="columns.together")(given)]
    if photos is not None:
        given = [scaled(given[0], photos.scaling)]
        if photos.first:
            given = [keras.layers.Permute((3, 1, 2), name="photo.first")(given[0])]
    values = [_fit(value, wanted) for value, wanted in zip(given, model.inputs, strict=True)]
    # a Sequential model takes its one input as it is
    struct = getattr(model, "_inputs_struct", None)
    answer = model(values[0] if struct is None else keras.tree.pack_sequence_as(struct, values))
    flat = keras.tree.flatten(answer)
    taken = {*named, model.name}
    outputs = []
    for tensor, name in zip(flat, _output_names(model), strict=True):
        output = _classes(tensor) if labels == 2 and len(flat) == 1 else tensor
        outputs.append(keras.layers.Identity(name=_free(safe_name(name), taken))(output))
    return keras.Model(named, outputs[0] if len(outputs) == 1 else outputs)


def serves_as_it_is(
    path: Path, model: keras.Model, inputs: Sequence[Input], outputs: Sequence[str]
) -> bool:
    """True where the file itself takes and gives what the package does, each by its name."""
    struct = getattr(model, "_inputs_struct", None)
    if path.suffix != ".keras" or not isinstance(struct, dict):
        return False
    taken = {t.name: (tuple(t.shape[1:]), str(t.dtype)) for t in model.inputs}
    wanted = {item.name: (item.shape or (1,), item.tensor) for item in inputs}
    named = struct.keys() == taken.keys() and _output_names(model) == list(outputs)
    return named and taken == wanted


def _output_names(model: keras.Model) -> list[str]:
    """The names of the outputs; a Sequential model has only those of its layers."""
    named = getattr(model, "output_names", None)
    return list(named or (tensor._keras_history.operation.name for tensor in model.outputs))


def _fit(value: Any, wanted: Any) -> Any:
    if value.dtype != wanted.dtype:
        value = keras.ops.cast(value, wanted.dtype)
    if len(wanted.shape) == 1:
        value = keras.layers.Reshape(())(value)
    return value


def _classes(tensor: Any) -> Any:
    """The probability of one class becomes those of two."""
    if tuple(tensor.shape[1:]) != (1,):
        return tensor
    return keras.layers.Concatenate(name="both.classes")([1.0 - tensor, tensor])


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name = f"output_{name}"
    taken.add(name)
    return name
