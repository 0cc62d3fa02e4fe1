"""What the sandbox runs to try a package on TensorFlow; nothing else imports this."""

from __future__ import annotations

from pathlib import Path

from vigie.engines.predictor import Predictor
from vigie.engines.tensorflow import TensorFlowEngine
from vigie.engines.weights import check_keras_weights
from vigie.models.package import read_package


def answer_golden(folder: Path, root: str) -> bool:
    """Loads the package and checks its golden rows; True where they agree."""
    package = read_package(Path(root), "")
    check_keras_weights(package.keras_path, folder)
    Predictor(package, TensorFlowEngine(package.keras_path)).check_golden()
    return True
