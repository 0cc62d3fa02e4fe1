"""What the sandbox runs: a model to the parts of a package, a package to a SavedModel."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf
import tf2onnx.optimizer
import tf2onnx.tf_loader
import tf2onnx.tfonnx  # noqa: F401 -- imports come before the sandbox closes

from vigie.errors import DataError
from vigie.models.package import read_package
from vigie.training.graph.agreement import write_graph
from vigie.training.graph.export import export_onnx, named_outputs, predict_keras
from vigie.training.imported import keras_model, saved_model
from vigie.training.imported.inputs import describe_inputs
from vigie.training.imported.keras_photos import find_scaling
from vigie.training.imported.parts import parts_of, tried_rows
from vigie.training.imported.photos import PhotoOptions, Question, decide
from vigie.training.imported.saved_outputs import choose_outputs

if TYPE_CHECKING:
    from vigie.models.model_input import Input
    from vigie.training.imported.photos import TakenPhotos


def to_package(
    folder: Path,
    source: str,
    labels: Sequence[str],
    columns: Sequence[str],
    examples: Sequence[dict[str, Any]],
    photos: dict[str, Any] | None = None,
    signature: str | None = None,
) -> dict[str, Any]:
    """Writes `model.keras` and `model.onnx` where they can be made; gives what a package says.

    Where something must be said of its photos first, it is the `question` alone.
    """
    path, options = Path(source), PhotoOptions.from_dict(photos) if photos else PhotoOptions()
    if path.is_dir():
        graph = saved_model.load_saved_model(path, signature)
        return _saved_model_to_package(
            folder, graph, tuple(labels), columns, list(examples), options
        )
    if signature is not None:
        raise DataError("--signature is for a SavedModel")
    model = keras_model.load_keras(path, folder)
    tensors = keras_model.tensors_of(model)
    taken = decide(tensors, options, lambda: find_scaling(model))
    if isinstance(taken, Question):
        return {"question": taken.to_dict()}
    inputs = describe_inputs(tensors, columns) if taken is None else (taken.item,)
    return from_keras(folder, model, inputs, list(examples), bool(columns), tuple(labels), taken)


def from_keras(
    folder: Path,
    model: keras.Model,
    inputs: Sequence[Input],
    examples: list[dict[str, Any]],
    split: bool,
    labels: tuple[str, ...],
    photos: TakenPhotos | None = None,
) -> dict[str, Any]:
    """Writes both models behind these inputs; `split` says that they are the parts of a vector."""
    rows, feeds = tried_rows(inputs, examples)
    served = keras_model.with_inputs(model, inputs, split, len(labels), photos)
    served.save(folder / "model.keras")
    answers = predict_keras(served, feeds)
    difference, problem = write_graph(
        partial(export_onnx, served), folder / "model.onnx", feeds, answers
    )
    return parts_of(folder, inputs, rows, answers, labels, photos, difference, problem)


def _saved_model_to_package(
    folder: Path,
    graph: saved_model.Graph,
    labels: tuple[str, ...],
    columns: Sequence[str],
    examples: list[dict[str, Any]],
    options: PhotoOptions,
) -> dict[str, Any]:
    # what a signature computes first lies in functions within functions: it tells its type alone
    taken = decide(graph.tensors, options, lambda: None)
    if isinstance(taken, Question):
        return {"question": taken.to_dict()}
    graph.photos = taken
    inputs = describe_inputs(graph.tensors, columns) if taken is None else (taken.item,)
    return from_saved_model(folder, graph, inputs, examples, labels)


def from_saved_model(
    folder: Path,
    graph: saved_model.Graph,
    inputs: Sequence[Input],
    examples: list[dict[str, Any]],
    labels: tuple[str, ...],
) -> dict[str, Any]:
    """Writes `model.onnx` of a signature behind these inputs."""
    rows, feeds = tried_rows(inputs, examples)
    found = saved_model.answer(graph, inputs, saved_model.tensors_for(feeds))
    served = choose_outputs({n: v.numpy() for n, v in found.items()}, labels, graph.signature)
    graph.outputs = served.names
    try:
        difference = saved_model.export_saved(graph, inputs, folder / "model.onnx", feeds)
    except DataError:
        raise
    except Exception as failure:
        raise DataError(
            f"this SavedModel cannot be turned into ONNX ({type(failure).__name__}); "
            "import the Keras model it was made from"
        ) from None
    answers = {n: v.numpy() for n, v in saved_model.numbers_of(graph, found).items()}
    parts = parts_of(folder, inputs, rows, answers, served.labels, graph.photos, difference)
    return {**parts, "original": served.original.model_dump()}


def to_saved_model(folder: Path, root: str) -> bool:
    """Writes `saved_model` with the signature `serving_default`: named inputs, named outputs."""
    package = read_package(Path(root), "")
    model = keras_model.load_keras(package.keras_path, folder)
    names = {output.tensor: output.name for output in package.document.outputs}

    def answer(**feeds: Any) -> dict[str, Any]:
        found = named_outputs(list(model.output_names), model(feeds, training=False))
        return {names[tensor]: value for tensor, value in found.items() if tensor in names}

    specs = {
        tensor.name: tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype, name=tensor.name)
        for tensor in model.inputs
    }
    owner = tf.Module()
    # what the function captures: with the model itself, Keras would trace functions of its own
    owner.kept = [variable.value for variable in model.variables]
    owner.tables = [
        layer.lookup_table for layer in model._flatten_layers() if hasattr(layer, "lookup_table")
    ]
    owner.answer = tf.function(answer, autograph=False)
    signature = owner.answer.get_concrete_function(**specs)
    tf.saved_model.save(owner, str(folder / "saved_model"), {"serving_default": signature})
    return True
