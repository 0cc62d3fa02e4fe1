"""Vigie: a Keras model registered in MLflow becomes a monitored service.

What a notebook needs is here, and loaded when it is asked for: `load` and `Client` of any
installation, `log_model` of one with the extra `train`.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vigie.client import Client as Client
    from vigie.registry.load import load as load
    from vigie.training.log_model import log_model as log_model

__version__ = "0.1.0"

# ONNX Runtime and MLflow report to their makers, and look whether they may when they are imported:
# nothing of Vigie is imported before this
for _variable, _value in (
    ("ORT_DISABLE_TELEMETRY", "1"),
    ("MLFLOW_DISABLE_TELEMETRY", "true"),
    ("DO_NOT_TRACK", "true"),
):
    os.environ.setdefault(_variable, _value)
__all__ = ["Client", "load", "log_model"]

_HOMES = {
    "Client": "vigie.client",
    "load": "vigie.registry.load",
    "log_model": "vigie.training.log_model",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        found = getattr(import_module(home), name)
    except ModuleNotFoundError as missing:
        absent = (missing.name or "").partition(".")[0]
        if name != "log_model" or absent == __name__:
            raise
        from vigie.errors import MissingExtra

        raise MissingExtra(
            f"vigie.log_model needs {absent}, which is not installed: pip install 'vigie[train]'"
        ) from None
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
