"""The operator sets of every graph that training writes."""

from __future__ import annotations

import onnx
from onnx import helper

OPSET = 17
ML_OPSET = 2


def opsets() -> list[onnx.OperatorSetIdProto]:
    """Those of `ai.onnx` and `ai.onnx.ml`."""
    return [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
