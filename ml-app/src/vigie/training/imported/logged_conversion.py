"""What the sandbox runs on a version that was logged without Vigie: to the parts of a package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vigie.errors import DataError
from vigie.training.imported import conversion, keras_model, saved_model
from vigie.training.imported.inputs import example_rows
from vigie.training.imported.logged_inputs import columns_of, inputs_of, rows_of
from vigie.training.imported.logged_model import find_model, read_columns, read_example
from vigie.training.imported.photos import PhotoOptions, Question, decide


def to_package(folder: Path, root: str, photos: dict[str, Any]) -> dict[str, Any]:
    """Writes `model.onnx`, and `model.keras` where the logged one is not fit; gives what to say.

    `made_up_rows` says that the rows are nobody's data, `model` where the logged model lies.
    """
    version = Path(root)
    source = find_model(version)
    columns, example = read_columns(version), read_example(version)
    if source.is_dir():
        graph = saved_model.load_saved_model(source)
        tensors = graph.tensors
    else:
        model = keras_model.load_keras(source, folder)
        tensors = keras_model.tensors_of(model)
    taken = decide(tensors, PhotoOptions.from_dict(photos), lambda: None)
    if isinstance(taken, Question):
        raise DataError(
            "the model leaves the size of its photos open; state it in the tag vigie.size, such as "
            "224x224"
        )
    split = columns_of(tensors, columns, example)
    inputs = inputs_of(tensors, split, columns) if taken is None else (taken.item,)
    given = rows_of(example, inputs, bool(split))
    rows = given or example_rows(inputs)
    if source.is_dir():
        graph.photos = taken
        parts = conversion.from_saved_model(folder, graph, inputs, rows, ())
    else:
        parts = conversion.from_keras(folder, model, inputs, rows, bool(split), (), taken)
        outputs = [output["tensor"] for output in parts["outputs"]]
        if not taken and keras_model.serves_as_it_is(source, model, inputs, outputs):
            (folder / "model.keras").unlink()
    return {**parts, "made_up_rows": not given, "model": source.relative_to(version).as_posix()}
