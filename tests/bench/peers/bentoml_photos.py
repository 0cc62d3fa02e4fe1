"""BentoML with two workers: photos as files of a form, adaptive batching."""

import bentoml
from PIL import Image
from scenes import SceneModel, at_size


@bentoml.service(name="scenes", workers=2, traffic={"timeout": 60, "max_concurrency": 1024})
class Scenes:
    """One API; requests that wait together become one call."""

    def __init__(self) -> None:
        self._model = SceneModel()

    @bentoml.api(batchable=True, max_batch_size=16, max_latency_ms=60_000)
    def classify(self, images: list[Image.Image]) -> list[list[float]]:
        """The scores of each photo."""
        return self._model.predict([at_size(image) for image in images])
