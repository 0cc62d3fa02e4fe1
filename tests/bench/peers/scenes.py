"""What the peers share that answer photos: the model, and a photo at its size."""

import os
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

SIZE = (224, 224)
FORMS = Path(os.environ["BENCH_FORMS"])


def at_size(image: Image.Image) -> np.ndarray:
    """Pixels, uint8 [224, 224, 3]."""
    return np.asarray(image.convert("RGB").resize(SIZE, Image.Resampling.BILINEAR))


class SceneModel:
    """ONNX Runtime: the same graph that Vigie serves, one thread per call."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            FORMS / "model.onnx", options, providers=["CPUExecutionProvider"]
        )

    def predict(self, pixels: list[np.ndarray]) -> list[list[float]]:
        """The scores of each photo."""
        (scores,) = self._session.run(None, {"photo": np.stack(pixels)})
        return scores.tolist()
