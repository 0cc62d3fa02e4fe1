"""The interface that every engine has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

Feeds = dict[str, np.ndarray]


class Engine(Protocol):
    """A loaded graph. `run` is safe to call from several threads at once."""

    name: str
    in_caller: bool
    """Whether it computes in the thread that calls it: then that thread's time is its own."""

    def run(self, feeds: Feeds, wanted: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        """Output tensors by name, [rows, …], for input tensors [rows, …]: all, or `wanted`."""
        ...
