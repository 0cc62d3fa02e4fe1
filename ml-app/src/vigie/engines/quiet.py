"""Keeps TensorFlow's notices off the terminal."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator


def quieten_tensorflow() -> None:
    """Sets what TensorFlow reads at its import, unless the user has set it; call it before."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # its notice comes before any log level applies; the results stay closer to ONNX Runtime's
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


@contextlib.contextmanager
def without_stderr() -> Iterator[None]:
    """Keeps off the terminal what TensorFlow's own code writes there, whenever it was imported."""
    try:
        kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    except OSError:
        # a process without standard error, or one that may open no file
        yield
        return
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
