"""Which versions of ONNX the installed ONNX Runtime takes, as it shows on the smallest graph."""

from __future__ import annotations

import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

from vigie.sandbox.graph_parts import plain_domain

_FORMAT, _OPSET = 8, 17
"""Versions that every ONNX Runtime takes with which Vigie works."""
_BEYOND = 200
"""No version is near; a file that claims a higher one is not counted down from there."""


def too_new(model: onnx.ModelProto) -> str | None:
    """What of the model is newer than ONNX Runtime takes, and the newest that it takes."""
    if not _runs(model.ir_version, "", _OPSET):
        newest = next(v for v in _down(model.ir_version) if _runs(v, "", _OPSET))
        return f"the file is of ONNX's format {model.ir_version}, ONNX Runtime takes {newest}"
    for opset in model.opset_import:
        domain = plain_domain(opset.domain)
        if not _runs(_FORMAT, domain, opset.version):
            newest = next(v for v in _down(opset.version) if _runs(_FORMAT, domain, v))
            return (
                f"its operators are of version {opset.version} of {domain or 'ai.onnx'}, "
                f"ONNX Runtime takes {newest}; export it with opset {newest}"
            )
    return None


def _down(version: int) -> range:
    return range(min(version, _BEYOND), 0, -1)


def _runs(form: int, domain: str, version: int) -> bool:
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "smallest",
        [value("x", TensorProto.FLOAT, [None, 1])],
        [value("y", TensorProto.FLOAT, [None, 1])],
    )
    versions = {"": _OPSET, domain: version}
    model = helper.make_model(
        graph, ir_version=form, opset_imports=[helper.make_opsetid(*v) for v in versions.items()]
    )
    options = ort.SessionOptions()
    options.log_severity_level = 4
    try:
        ort.InferenceSession(model.SerializeToString(), options)
    except Exception:
        return False
    return True
