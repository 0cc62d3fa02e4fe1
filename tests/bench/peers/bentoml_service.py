"""BentoML with two workers and adaptive batching over a TensorFlow concrete function."""

import bentoml
from homes import Home, SavedModel


@bentoml.service(name="homes", workers=2, traffic={"timeout": 60, "max_concurrency": 1024})
class Homes:
    """One API; requests that wait together become one call."""

    def __init__(self) -> None:
        self._model = SavedModel()

    @bentoml.api(batchable=True, max_batch_size=1024, max_latency_ms=1000)
    def predict(self, instances: list[Home]) -> list[float]:
        """One number per row."""
        return self._model.predict(instances)
