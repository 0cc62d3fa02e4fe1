"""An engine that is opened when it is first asked: who only verifies need not load TensorFlow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vigie.engines.base import Engine, Feeds


class DeferredEngine:
    """Stands for an engine until its first run."""

    def __init__(self, name: str, start: Callable[[], Engine]) -> None:
        self.name = name
        self._start = start
        self._engine: Engine | None = None

    def run(self, feeds: Feeds) -> dict[str, np.ndarray]:
        """Every output tensor by name, from the engine itself."""
        if self._engine is None:
            self._engine = self._start()
        return self._engine.run(feeds)
