"""Keeps TensorFlow's start-up notices off the terminal; call it before TensorFlow is imported."""

from __future__ import annotations

import logging
import os


def quieten_tensorflow() -> None:
    """Sets what TensorFlow reads at import, unless the user has set it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # its notice comes before any log level applies; the results stay closer to ONNX Runtime's
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
