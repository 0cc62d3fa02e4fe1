"""The trial of a package on TensorFlow before it may serve: loaded and asked, in the sandbox."""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path

from vigie.engines.predictor import open_predictor
from vigie.engines.sandbox import Limits, run_confined
from vigie.models.keras_archive import check_keras_file
from vigie.models.package import Package


def try_on_tensorflow(package: Package, limits: Limits | None = None) -> None:
    """Refuses a package whose Keras model cannot be loaded or answers its golden rows otherwise."""
    check_keras_file(package.keras_path)
    if importlib.util.find_spec("tensorflow") is None:
        # says what to install
        open_predictor(package, "tensorflow")
    with tempfile.TemporaryDirectory() as folder:
        run_confined(
            "vigie.engines.trial_task:answer_golden",
            {"root": str(package.root.resolve())},
            Path(folder),
            [package.root],
            limits,
        )
