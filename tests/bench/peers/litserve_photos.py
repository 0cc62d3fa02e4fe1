"""LitServe with two workers: a photo as base64, requests that wait together decoded by threads."""

import base64
import os
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import litserve
import numpy as np
from litserve_run import serve
from PIL import Image
from scenes import SceneModel, at_size


def decode(image_data: str) -> np.ndarray:
    """Pixels at the size of the model."""
    with Image.open(BytesIO(base64.b64decode(image_data))) as image:
        return at_size(image)


class Api(litserve.LitAPI):
    """The steps of a request."""

    def setup(self, device: str) -> None:
        self._model = SceneModel()
        self._pool = ThreadPoolExecutor(os.cpu_count())

    def decode_request(self, request: dict[str, str]) -> str:
        return request["image_data"]

    def batch(self, inputs: list[str]) -> list[np.ndarray]:
        return list(self._pool.map(decode, inputs))

    def predict(self, pixels: list[np.ndarray]) -> list[list[float]]:
        return self._model.predict(pixels)

    def unbatch(self, output: list[list[float]]) -> list[list[float]]:
        return output

    def encode_response(self, output: list[float]) -> dict[str, list[float]]:
        return {"scores": output}


if __name__ == "__main__":
    serve(Api(api_path="/predict", max_batch_size=8, batch_timeout=0.01))
