"""A model's signature in the words of TensorFlow Serving and of the Open Inference Protocol."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from vigie.serving.dialects.answer_tensors import answer_tensors, goes_by_name
from vigie.serving.dialects.tfserving import signature_of
from vigie.serving.dialects.v2_tensors import INPUT_DATATYPES

if TYPE_CHECKING:
    from vigie.models.model_input import Input
    from vigie.models.original import Part
    from vigie.serving.runtime.loaded_model import LoadedModel

_TF_TYPES = {
    "float32": "DT_FLOAT", "int64": "DT_INT64", "string": "DT_STRING", "image": "DT_STRING",
}  # fmt: skip
_TF_PARTS: dict[Part, str] = {
    "values": "DT_FLOAT", "label": "DT_STRING", "labels": "DT_STRING", "place": "DT_INT64",
    "places": "DT_INT64",
}  # fmt: skip
_TF_ANSWERS = {"FP32": "DT_FLOAT", "FP64": "DT_DOUBLE", "BYTES": "DT_STRING"}
_PLATFORMS = {"onnx": "onnxruntime_onnx", "tensorflow": "tensorflow_keras"}


def tfserving_status(versions: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """`{"model_version_status": […]}` of versions and their states."""
    return {
        "model_version_status": [
            {
                "version": version,
                "state": state,
                "status": {"error_code": "OK", "error_message": ""},
            }
            for version, state in versions
        ]
    }


def tfserving_metadata(live: LoadedModel) -> dict[str, Any]:
    """The model's name and version, and its one signature."""
    document = live.document
    signature = {
        "inputs": {
            item.name: _tensor_info(item.name, _TF_TYPES[item.dtype], _sent_shape(item))
            for item in document.inputs
        },
        "outputs": _tf_outputs(live),
        "method_name": "tensorflow/serving/predict",
    }
    return {
        "model_spec": {"name": live.name, "signature_name": "", "version": live.version},
        "metadata": {"signature_def": {"signature_def": {signature_of(document): signature}}},
    }


def _tf_outputs(live: LoadedModel) -> dict[str, Any]:
    """What an answer has: the original's outputs, else the one output, or all that goes by name."""
    document = live.document
    if document.original is not None:
        return {
            one.name: _tensor_info(one.name, _TF_PARTS[one.part], one.shape)
            for one in document.original.outputs
        }
    tensors = answer_tensors(live.predictor.package)
    named = tensors if goes_by_name(document) else [document.outputs[0].name]
    known = document.answer_names()
    return {
        name: _tensor_info(
            known[name].tensor if name in known else name,
            _TF_ANSWERS[tensors[name].datatype],
            tensors[name].shape,
        )
        for name in named
    }


def _sent_shape(item: Input) -> tuple[int, ...]:
    """The shape of one value as callers send it: a photo is one value."""
    return () if item.single else item.shape


def _tensor_info(tensor: str, dtype: str, shape: Sequence[int]) -> dict[str, Any]:
    sizes = [{"size": str(size), "name": ""} for size in (-1, *shape)]
    return {
        "dtype": dtype,
        "tensor_shape": {"dim": sizes, "unknown_rank": False},
        "name": tensor,
    }


def v2_metadata(live: LoadedModel, versions: Sequence[str]) -> dict[str, Any]:
    """The model's name, the versions in memory, and its tensors; -1 is the number of rows."""
    document = live.document
    return {
        "name": live.name,
        "versions": list(versions),
        "platform": _PLATFORMS[live.engine],
        "inputs": [
            {
                "name": item.name,
                "datatype": INPUT_DATATYPES[item.dtype],
                "shape": [-1, *_sent_shape(item)],
            }
            for item in document.inputs
        ],
        "outputs": [
            {"name": tensor.name, "datatype": tensor.datatype, "shape": [-1, *tensor.shape]}
            for tensor in answer_tensors(live.predictor.package).values()
        ],
    }
