"""What is packaged: something that answers rows, writes its graph and saves itself for MLflow."""

from __future__ import annotations

import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import keras
import numpy as np
import onnx
from mlflow.keras import save_model
from mlflow.models import ModelSignature
from mlflow.types.schema import Schema, TensorSpec

from vigie.errors import RefusedPackage
from vigie.models.reference_rows import LARGE_VALUES
from vigie.sandbox.keras_archive import check_keras_file
from vigie.training.encoding import network_columns
from vigie.training.graph.export import export_onnx, predict_keras
from vigie.training.graph.joined_graph import joined_graph
from vigie.training.graph.simplification import simplify

if TYPE_CHECKING:
    from mlflow.models import Model

    from vigie.models.model_input import Input
    from vigie.training.dataset import Dataset
    from vigie.training.graph.preprocessing import Preprocessing

ANSWERED_AT_ONCE = 4096
VECTOR = "vector"


class Network(Protocol):
    """A fitted network behind the inputs of a package."""

    @property
    def tensors(self) -> Sequence[str]:
        """The names of its outputs in the graph, the one that is judged first."""
        ...

    def answer(self, rows: Dataset) -> dict[str, np.ndarray]:
        """What the network itself answers, tensor -> [rows, …]."""
        ...

    def write_graph(self, path: Path) -> None:
        """Writes the whole way from the package's inputs to its outputs as an ONNX graph."""
        ...

    def save(self, root: Path, mlflow_model: Model, rows: Dataset) -> bool:
        """Writes MLflow's files below `root`; false where the graph alone can be served."""
        ...


@dataclass(frozen=True)
class _OneModel(ABC):
    """A functional Keras model that is given the rows of a package by `_feeds`."""

    model: keras.Model
    inputs: tuple[Input, ...]

    @property
    def tensors(self) -> Sequence[str]:
        """The names of the model's outputs."""
        return tuple(self.model.output_names)

    def answer(self, rows: Dataset) -> dict[str, np.ndarray]:
        """What the Keras model answers, a part of the rows at a time."""
        return answer_in_parts(lambda part: predict_keras(self.model, self._feeds(part)), rows)

    @abstractmethod
    def _feeds(self, rows: Dataset) -> dict[str, np.ndarray]:
        """The rows as the model takes them."""

    def _save(self, root: Path, mlflow_model: Model, rows: Dataset) -> bool:
        """Writes the model with MLflow's Keras flavour; false where it needs code to be opened."""
        if not opens_without_code(self.model):
            save_description(self.model, root, mlflow_model)
            return False
        save_keras(self.model, root, mlflow_model, self._feeds(rows))
        return True


@dataclass(frozen=True)
class KerasNetwork(_OneModel):
    """A model whose input tensors are those of the package; `graph` is its graph, once written."""

    graph: Path | None = None

    def write_graph(self, path: Path) -> None:
        """Writes the model as an ONNX graph."""
        if self.graph is None:
            export_onnx(self.model, path)
        else:
            shutil.copyfile(self.graph, path)

    def save(self, root: Path, mlflow_model: Model, rows: Dataset) -> bool:
        """Writes the model, which can be served without its graph if it needs no code."""
        return self._save(root, mlflow_model, rows)

    def _feeds(self, rows: Dataset) -> dict[str, np.ndarray]:
        return network_columns(self.inputs, rows)


@dataclass(frozen=True)
class PreprocessedNetwork(_OneModel):
    """A model of one input `vector` behind a transformer of columns named by `names`."""

    names: Mapping[str, str]
    preprocessing: Preprocessing

    def write_graph(self, path: Path) -> None:
        """Writes transformer and model as one graph."""
        export_onnx(self.model, path)
        network = onnx.load(path)
        joined = joined_graph(self.preprocessing, self.inputs, self.names, network)
        simplify(joined)
        path.write_bytes(joined.SerializeToString())

    def save(self, root: Path, mlflow_model: Model, rows: Dataset) -> bool:
        """Writes the model without the transformer, which is in the graph alone."""
        self._save(root, mlflow_model, rows)
        return False

    def _feeds(self, rows: Dataset) -> dict[str, np.ndarray]:
        table = {raw: rows.columns[name] for name, raw in self.names.items()}
        return {VECTOR: self.preprocessing.transform(table)}


def answer_in_parts(answer: Any, rows: Dataset) -> dict[str, np.ndarray]:
    """The answers of `answer` to all rows, asked for a few thousand at a time."""
    parts = [
        answer(rows.take(np.arange(start, min(start + ANSWERED_AT_ONCE, len(rows)))))
        for start in range(0, len(rows), ANSWERED_AT_ONCE)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def save_keras(
    model: keras.Model, root: Path, mlflow_model: Model, feeds: Mapping[str, np.ndarray]
) -> None:
    """Writes `MLmodel`, `data/model.keras` and what else MLflow keeps, with two small rows."""
    save_model(
        model,
        str(root),
        mlflow_model=mlflow_model,
        signature=signature_of(model),
        input_example=_example(feeds),
        pip_requirements=[f"keras=={keras.__version__}", "tensorflow==2.21.*"],
    )


def save_description(model: keras.Model, root: Path, mlflow_model: Model) -> None:
    """Writes `MLmodel` alone: what the model takes and answers, and no model."""
    mlflow_model.signature = signature_of(model)
    mlflow_model.save(str(root / "MLmodel"))


def opens_without_code(model: keras.Model) -> bool:
    """True where the saved model holds layers of Keras alone: no class or function of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        try:
            model.save(path)
            check_keras_file(path)
        except RefusedPackage:
            return False
    return True


def signature_of(model: keras.Model) -> ModelSignature:
    """The model's tensors as MLflow describes them: named, the first size free."""

    def schema(tensors: Sequence[Any], names: Sequence[str]) -> Schema:
        return Schema(
            [
                TensorSpec(
                    np.dtype(object if tensor.dtype == "string" else tensor.dtype),
                    (-1, *tensor.shape[1:]),
                    name,
                )
                for tensor, name in zip(tensors, names, strict=True)
            ]
        )

    return ModelSignature(
        inputs=schema(model.inputs, [tensor.name for tensor in model.inputs]),
        outputs=schema(model.outputs, model.output_names),
    )


def _example(feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray] | None:
    """Two rows as the Keras model takes them, for readers of the MLflow page; none of photos."""
    if any(values[0].size > LARGE_VALUES for values in feeds.values()):
        return None
    return {
        name: values[:2].astype(str) if values.dtype == object else values[:2]
        for name, values in feeds.items()
    }
