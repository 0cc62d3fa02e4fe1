"""What the peers share: a row as they check it, and the model behind a plain function."""

import os
from pathlib import Path

import numpy as np
from pydantic import BaseModel

NUMBERS = ("surface_m2", "land_m2", "age_years", "latitude", "longitude", "distance_km")
TEXTS = ("property_type", "district")
FORMS = Path(os.environ["BENCH_FORMS"])


class Home(BaseModel):
    """One row."""

    surface_m2: float
    land_m2: float
    age_years: float
    latitude: float
    longitude: float
    distance_km: float
    property_type: str
    district: str


class Request(BaseModel):
    """The body of a request."""

    instances: list[Home]


class SavedModel:
    """TensorFlow: one call of a concrete function for all rows."""

    def __init__(self) -> None:
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        self._constant, self._float, self._text = tf.constant, tf.float32, tf.string
        self._model = tf.saved_model.load(str(FORMS / "saved_model"))
        self._serve = self._model.serve.get_concrete_function(
            tf.TensorSpec([None, len(NUMBERS)], tf.float32),
            tf.TensorSpec([None, len(TEXTS)], tf.string),
        )

    def predict(self, homes: list[Home]) -> list[float]:
        """One number per row."""
        numbers = [[getattr(home, name) for name in NUMBERS] for home in homes]
        texts = [[getattr(home, name) for name in TEXTS] for home in homes]
        answer = self._serve(
            self._constant(numbers, self._float), self._constant(texts, self._text)
        )
        return answer.numpy().reshape(-1).tolist()


class OnnxModel:
    """ONNX Runtime: the same graph that Vigie serves, one thread per worker."""

    def __init__(self) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            FORMS / "model.onnx", options, providers=["CPUExecutionProvider"]
        )

    def predict(self, homes: list[Home]) -> list[float]:
        """One number per row."""
        feeds = {
            name: np.array([[getattr(home, name)] for home in homes], np.float32)
            for name in NUMBERS
        }
        feeds |= {
            name: np.array([[getattr(home, name)] for home in homes], object) for name in TEXTS
        }
        (answer,) = self._session.run(None, feeds)
        return answer.reshape(-1).tolist()
