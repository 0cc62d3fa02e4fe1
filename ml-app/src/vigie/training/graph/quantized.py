"""An int8 graph of a float one: quicker and a quarter of the size, its answers close, not equal."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx

from vigie.engines.onnx import OnnxEngine
from vigie.errors import DataError

if TYPE_CHECKING:
    from vigie.engines.base import Feeds
    from vigie.models.document import Quantization

CALIBRATION_ROWS = 4
"""Rows of one call while ranges are found: everything that it computes is kept meanwhile."""
PERCENTILE = 99.99
"""Of an activation's values its range takes so many: a single large one would widen it for all."""
_TAIL = frozenset({"Gemm", "GlobalAveragePool", "MatMul", "ReduceMean", "Softmax"})
"""Left as floats: the mean and the last layer cost little, and what they lose nobody mends."""
_TIMED_CALLS = 20


@dataclass(frozen=True)
class Int8Graph:
    """The file of an int8 graph, and what it showed beside the float one."""

    path: Path
    figures: Quantization


def quantize_graph(source: Path, target: Path, feeds: Feeds) -> None:
    """Writes the graph of `source` with int8 weights, one scale per channel, and uint8 activations.

    The range of each activation is what it takes on `feeds`, at least 4 rows. Raises
    `DataError` where ONNX Runtime cannot quantise it.
    """
    if len(next(iter(feeds.values()))) < CALIBRATION_ROWS:
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
                nodes_to_exclude=_tail_of(prepared),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.Percentile,
                extra_options={
                    "CalibPercentile": PERCENTILE,
                    # one call at a time: else the activations of all of them lie in memory
                    "CalibStridedMinMax": 1,
                },
            )
        _leave_out_domains(target)
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


def _leave_out_domains(path: Path) -> None:
    """Takes away the sets of operators that a graph names and does not use.

    ONNX Runtime names all that it knows, and a graph that names others than the standard's is
    refused by every service.
    """
    graph = onnx.load(path)
    used = {"", *(node.domain for node in graph.graph.node)}
    kept = [opset for opset in graph.opset_import if opset.domain in used]
    del graph.opset_import[:]
    graph.opset_import.extend(kept)
    onnx.save(graph, path)


def _tail_of(path: Path) -> list[str]:
    """The names of the nodes that stay floats; nodes without a name are given one."""
    graph = onnx.load(path)
    for place, node in enumerate(graph.graph.node):
        node.name = node.name or f"node_{place}"
    onnx.save(graph, path)
    return [node.name for node in graph.graph.node if node.op_type in _TAIL]


class _Calibration:
    """What ONNX Runtime takes its rows from: calls by their place, one after the other."""

    def __init__(self, feeds: Feeds) -> None:
        self._calls = list(_calls(feeds))
        self._next, self._end = 0, len(self._calls)

    def __len__(self) -> int:
        return len(self._calls)

    def set_range(self, start_index: int, end_index: int) -> None:
        self._next, self._end = start_index, min(end_index, len(self._calls))

    def get_next(self) -> Feeds | None:
        if self._next >= self._end:
            return None
        self._next += 1
        return self._calls[self._next - 1]


def _calls(feeds: Feeds) -> Iterator[Feeds]:
    # all of one size: ranges of calls of different sizes cannot be put together
    rows = len(next(iter(feeds.values())))
    for start in range(0, rows - CALIBRATION_ROWS + 1, CALIBRATION_ROWS):
        yield {name: array[start : start + CALIBRATION_ROWS] for name, array in feeds.items()}
