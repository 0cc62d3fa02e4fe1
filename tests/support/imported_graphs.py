"""An ONNX file as a package of ours, through the sandbox and the checks of the registry."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from mlflow.models import Model

from vigie.engines.predictor import Predictor, open_predictor
from vigie.errors import VigieError
from vigie.registry.gate.integrity import verify_package
from vigie.settings import load_settings
from vigie.training.imported.importing import Wanted, write_imported
from vigie.training.imported.onnx_model import to_package

Row = dict[str, Any]


def written(folder: Path, model: onnx.ModelProto) -> Path:
    """The file of a model."""
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def imported(folder: Path, model: onnx.ModelProto, **wanted: Any) -> Predictor:
    """The package of a model, through the sandbox and the checks of the registry."""
    root = folder / "package"
    digest, parts = write_imported(written(folder, model), Wanted("mine", **wanted), root, Model())
    assert parts["difference"] < 1e-6
    assert not (root / "data").exists()
    return open_predictor(verify_package(root, digest, "mine", load_settings()))


def refusal(folder: Path, model: onnx.ModelProto, *labels: str) -> str:
    """Why the model is refused; looked at in this process, which is quicker to start."""
    with pytest.raises(VigieError) as refused:
        to_package(folder, str(written(folder, model)), labels, (), ())
    return str(refused.value)


def answers(predictor: Predictor, rows: list[Row], output: int = 0) -> np.ndarray:
    """What the package answers to rows, of one of its outputs."""
    name = predictor.package.document.outputs[output].name
    return predictor.predict(predictor.decoder.decode(rows).columns).outputs[name]


def by_column(names: Sequence[str], values: np.ndarray) -> list[Row]:
    """The rows with a name for each number."""
    return [dict(zip(names, map(float, row), strict=True)) for row in values]
