"""An int8 graph of a float one: quicker and a quarter of the size, its answers close, not equal."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.engines.onnx import OnnxEngine
from vigie.errors import DataError

if TYPE_CHECKING:
    from vigie.engines.base import Feeds

CALIBRATION_ROWS = 8
"""Rows of one call while ranges are found."""
_TIMED_CALLS = 20


def quantize_graph(source: Path, target: Path, feeds: Sequence[Feeds]) -> None:
    """Writes the graph of `source` with int8 weights, one scale per channel, and uint8 activations.

    The range of each activation is what it takes on `feeds`, calls of input arrays [rows, …], at
    least 8 rows in one of them. Raises `DataError` where ONNX Runtime cannot quantise it.
    """
    if not any(len(next(iter(call.values()))) >= CALIBRATION_ROWS for call in feeds):
        raise DataError(f"an int8 graph needs at least {CALIBRATION_ROWS} rows for its ranges")
    from onnxruntime.quantization import (
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    root = logging.getLogger()
    level = root.level
    # it tells the root logger how to prepare a model, and then that it was prepared
    root.setLevel(logging.ERROR)
    try:
        with tempfile.TemporaryDirectory() as folder:
            prepared = Path(folder) / "prepared.onnx"
            # symbolic shapes need another library, and only graphs with loops need them
            quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
            quantize_static(
                str(prepared),
                str(target),
                _Calibration(feeds),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.MinMax,
            )
    except Exception as failure:
        target.unlink(missing_ok=True)
        raise DataError(
            f"ONNX Runtime cannot make an int8 graph of it ({type(failure).__name__})"
        ) from None
    finally:
        root.setLevel(level)


def row_milliseconds(graphs: Sequence[Path], feeds: Feeds) -> list[float]:
    """How long each graph computes for one row, milliseconds: the best of calls that take turns."""
    engines = [OnnxEngine(path) for path in graphs]
    row = {name: array[:1] for name, array in feeds.items()}
    best = [np.inf] * len(engines)
    for engine in engines:
        engine.run(row)
    for _ in range(_TIMED_CALLS):
        for place, engine in enumerate(engines):
            started = time.perf_counter()
            engine.run(row)
            best[place] = min(best[place], time.perf_counter() - started)
    return [1000 * seconds for seconds in best]


class _Calibration:
    """What ONNX Runtime takes its rows from, one call of `get_next` after the other."""

    def __init__(self, feeds: Sequence[Feeds]) -> None:
        self._calls = self._parts(feeds)

    def get_next(self) -> Any:
        return next(self._calls, None)

    @staticmethod
    def _parts(feeds: Sequence[Feeds]) -> Iterator[Feeds]:
        # all calls have one size: ranges of ends of another size cannot be put together
        for call in feeds:
            rows = len(next(iter(call.values())))
            for start in range(0, rows - CALIBRATION_ROWS + 1, CALIBRATION_ROWS):
                yield {name: a[start : start + CALIBRATION_ROWS] for name, a in call.items()}
