"""What the sandbox runs to write a SavedModel of a package's Keras model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

from vigie.engines.quiet import quieten_tensorflow
from vigie.models.package import read_package
from vigie.training.export import named_outputs
from vigie.training.foreign_keras import load_keras


def write(folder: Path, root: str) -> bool:
    """Writes `saved_model` with the signature `serving_default`: named inputs, named outputs."""
    quieten_tensorflow()
    package = read_package(Path(root), "")
    model = load_keras(package.keras_path, folder)
    names = {output.tensor: output.name for output in package.document.outputs}

    def answer(**feeds: Any) -> dict[str, Any]:
        found = named_outputs(list(model.output_names), model(feeds, training=False))
        return {names[tensor]: value for tensor, value in found.items() if tensor in names}

    specs = {
        tensor.name: tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype, name=tensor.name)
        for tensor in model.inputs
    }
    owner = tf.Module()
    # what the function captures; the model itself would be traced in ways of its own
    owner.kept = [variable.value for variable in model.variables]
    owner.tables = [
        layer.lookup_table for layer in _layers(model) if hasattr(layer, "lookup_table")
    ]
    owner.answer = tf.function(answer, autograph=False)
    signature = owner.answer.get_concrete_function(**specs)
    tf.saved_model.save(owner, str(folder / "saved_model"), {"serving_default": signature})
    return True


def _layers(model: Any) -> list[Any]:
    """All layers, those of inner models too."""
    return list(model._flatten_layers())
