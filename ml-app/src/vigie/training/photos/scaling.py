"""The scaling that a base was trained with, as layers of the graph."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import keras
import numpy as np

from vigie.errors import ConfigurationError

_PROBE = 255.0


def base_names() -> tuple[str, ...]:
    """The networks of `keras.applications`, by the names of their classes."""
    return tuple(sorted(n for n in dir(keras.applications) if n[0].isupper()))


def maker_of(base: str) -> Any:
    """What makes this base; `ConfigurationError` if Keras has none of that name."""
    if base not in base_names():
        raise ConfigurationError(
            f"there is no base {base}; take one of {', '.join(base_names())} (names of Keras)"
        )
    return getattr(keras.applications, base)


def preprocessing_of(base: str) -> Callable[[np.ndarray], np.ndarray]:
    """Keras' own `preprocess_input` of a base: that of the module with the longest fitting name."""
    modules = {
        name.replace("_", ""): module
        for name in dir(keras.applications)
        if isinstance(module := getattr(keras.applications, name), ModuleType)
    }
    plain = base.lower()
    fitting = [name for name, module in modules.items() if hasattr(module, base)]
    fitting = fitting or [name for name in modules if plain.startswith(name)]
    found: Callable[[np.ndarray], np.ndarray] = modules[max(fitting, key=len)].preprocess_input
    return found


def scale(base: str, pixels: keras.KerasTensor) -> keras.KerasTensor:
    """Pixels 0 to 255 as this base takes them: what its own `preprocess_input` does.

    That is a linear function of the three colours for every base of Keras, and so are the layers.
    """
    kernel, bias = _linear(base)
    diagonal = np.diag(kernel)
    if np.array_equal(kernel, np.diag(diagonal)):
        # the same numbers as plain ones, where the colours are treated alike
        factors, offsets = _plain(diagonal), _plain(bias)
        return keras.layers.Rescaling(factors, offsets, name="scaling")(pixels)
    numbers = keras.layers.Rescaling(1.0, name="as_numbers")(pixels)
    mixed = keras.layers.Conv2D(3, 1, name="scaling", trainable=False)
    scaled = mixed(numbers)
    mixed.set_weights([kernel.reshape(1, 1, 3, 3), bias])
    return scaled


def _linear(base: str) -> tuple[np.ndarray, np.ndarray]:
    """Kernel [colours in, colours out] and bias of a base's `preprocess_input`."""
    probe = np.zeros((1, 1, 4, 3))
    probe[0, 0, 1:] = _PROBE * np.eye(3)
    answered = np.asarray(preprocessing_of(base)(probe), np.float64)[0, 0]
    return (answered[1:] - answered[0]) / _PROBE, answered[0]


def _plain(values: np.ndarray) -> Any:
    numbers = [float(value) for value in values]
    return numbers[0] if len(set(numbers)) == 1 else numbers
