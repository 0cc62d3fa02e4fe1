"""ONNX Runtime: the engine by default. The graph is data; nothing of it is executed as Python."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime as ort

from vigie.errors import ModelFailure, RefusedPackage

if TYPE_CHECKING:
    from vigie.engines.base import Feeds


class OnnxEngine:
    """A graph in ONNX Runtime; with one thread per call, the workers are the parallelism."""

    name = "onnx"

    def __init__(self, path: Path, threads: int = 1) -> None:
        self.in_caller = threads == 1
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = ort.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as failure:
            # ONNX Runtime's own texts quote paths and graph contents
            if _names_memory(failure):
                raise RefusedPackage("vigie/model.onnx needs more memory than there is") from None
            raise RefusedPackage("ONNX Runtime cannot load vigie/model.onnx") from None
        self.inputs = {node.name: node.type for node in self._session.get_inputs()}
        self.outputs = [node.name for node in self._session.get_outputs()]

    def run(self, feeds: Feeds, wanted: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        """Every output tensor by name, or those that are `wanted`.

        `ModelFailure` where the graph fails on these rows.
        """
        return self._run(feeds, None, self.outputs if wanted is None else wanted)

    def run_within(self, feeds: Feeds, seconds: float) -> dict[str, np.ndarray]:
        """`run`, ended after so many seconds: then a `ModelFailure` of the reason `slow`."""
        options = ort.RunOptions()
        # looked at between two operators, inside of loops too
        timer = threading.Timer(seconds, setattr, (options, "terminate", True))
        timer.start()
        try:
            return self._run(feeds, options, self.outputs)
        except ModelFailure:
            if options.terminate:
                raise ModelFailure("The model did not end in time.", "slow") from None
            raise
        finally:
            timer.cancel()

    def _run(
        self, feeds: Feeds, options: ort.RunOptions | None, wanted: Sequence[str]
    ) -> dict[str, np.ndarray]:
        try:
            answers = self._session.run(wanted, feeds, options)
        except Exception as failure:
            if _names_memory(failure):
                raise ModelFailure("The model needs more memory than there is.", "memory") from None
            raise ModelFailure("The model failed on this input.", "engine") from None
        return dict(zip(wanted, answers, strict=True))


def _names_memory(failure: Exception) -> bool:
    # the only word of ONNX Runtime's that tells a flood of memory from a wrong input
    return "alloc" in str(failure)
