"""What the sandbox runs to probe a package; nothing else imports this."""

from __future__ import annotations

import contextlib
import math
from dataclasses import asdict
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vigie.engines.predictor import open_predictor
from vigie.errors import ModelFailure, RefusedPackage, VigieError
from vigie.models.package import read_package
from vigie.models.reference_rows import LARGE_VALUES
from vigie.registry.gate.accuracy import against_constant, against_live
from vigie.registry.gate.latency import measure_times
from vigie.sandbox.graph import check_graph

if TYPE_CHECKING:
    from vigie.engines.predictor import Predictor
    from vigie.registry.gate.latency import Timing


def answer_golden(folder: Path, root: str, engine: str) -> bool:
    """Opens the package and checks its golden rows; True where they agree."""
    package = read_package(Path(root), "")
    if package.onnx_path.is_file():
        check_graph(package.onnx_path)
    if engine == "tensorflow":
        from vigie.sandbox.weights import check_keras_weights

        check_keras_weights(package.keras_path, folder)
    try:
        predictor = open_predictor(package, engine)
        predictor.check_golden()
        _answer_largest(predictor)
    except (RefusedPackage, MemoryError):
        raise
    except VigieError as failure:
        raise RefusedPackage(f"the golden rows fail: {failure}") from None
    except Exception as failure:
        raise RefusedPackage(f"the model cannot be run ({type(failure).__name__})") from None
    return True


def _answer_largest(predictor: Predictor) -> None:
    """As many large rows as a worker gives to the model at once: they may take gigabytes."""
    document, rows = predictor.package.document, predictor.package.golden.rows
    if sum(math.prod(item.shape) for item in document.inputs) <= LARGE_VALUES:
        return
    most = document.rows_at_once
    columns = predictor.decoder.decode(list(islice(cycle(rows), most))).columns
    try:
        predictor.predict(columns)
    except ModelFailure as failure:
        why = "takes more memory than it may have" if failure.reason == "memory" else "fails"
        raise RefusedPackage(f"answering {most} rows at once, as a worker does, {why}") from None


def measure(folder: Path, roots: list[str], engines: list[str]) -> dict[str, Any]:
    """The time and the errors of a candidate and, where it can be opened, of the live version."""
    candidate = _open(roots[0], engines[0])
    live = None
    if len(roots) > 1:
        # a live version that cannot be opened serves nobody: there is nothing to compare with
        with contextlib.suppress(Exception):
            live = _open(roots[1], engines[1])
    found = {
        "timing": _timing(candidate, live) if live else None,
        "against_constant": against_constant(candidate),
        "against_live": against_live(candidate, live) if live else None,
    }
    return {name: asdict(each) if each else None for name, each in found.items()}


def _timing(candidate: Predictor, live: Predictor) -> Timing | None:
    # the golden rows of the candidate passed: that the two cannot be measured is no fault of its
    with contextlib.suppress(Exception):
        return measure_times(candidate, live)
    return None


def _open(root: str, engine: str) -> Predictor:
    return open_predictor(read_package(Path(root), ""), engine)
