"""A custom runtime of MLServer: photos as base64 of the V2 protocol, decoded by its codec."""

from io import BytesIO

import numpy as np
from mlserver import MLModel
from mlserver.codecs import Base64Codec, NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse
from PIL import Image
from scenes import SceneModel, at_size


def decode(photo: bytes) -> np.ndarray:
    """Pixels at the size of the model."""
    with Image.open(BytesIO(photo)) as image:
        return at_size(image)


class Scenes(MLModel):
    """Loads the graph, answers photos."""

    async def load(self) -> bool:
        self._model = SceneModel()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        photos = self.decode(payload.inputs[0], default_codec=Base64Codec)
        scores = self._model.predict([decode(photo) for photo in photos])
        output = NumpyCodec.encode_output("scores", np.array(scores))
        return InferenceResponse(model_name=self.name, outputs=[output])
