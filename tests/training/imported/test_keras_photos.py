"""What Keras models show of the scaling of their photos."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from vigie.training.imported.keras_photos import find_scaling, scaled
from vigie.training.imported.scaling import NAMED

layers = keras.layers
Preprocess = Callable[[Any], Any]


def functional(*steps: Preprocess, name: str = "mine") -> keras.Model:
    taken = values = keras.Input((32, 32, 3))
    for step in (*steps, layers.Conv2D(2, 3), layers.GlobalAveragePooling2D()):
        values = step(values)
    return keras.Model(taken, values, name=name)


def sequential(*steps: Preprocess) -> keras.Model:
    return keras.Sequential([keras.Input((32, 32, 3)), *steps, layers.Flatten(), layers.Dense(2)])


def around(base: keras.Model) -> keras.Model:
    """A model with a head of one's own, as transfer learning makes them."""
    taken = keras.Input((32, 32, 3))
    return keras.Model(taken, layers.Dense(2)(base(taken)), name="mine")


def inner(name: str) -> keras.Model:
    return around(functional(name=name))


def centred() -> Any:
    return layers.Normalization(mean=[120.0, 110.0, 100.0], variance=[900.0, 900.0, 900.0])


def mobile(values: Any) -> Any:
    return keras.applications.mobilenet_v2.preprocess_input(values)


FOUND: dict[str, tuple[Callable[[], keras.Model], tuple[str, bool] | None]] = {
    "a Rescaling": (lambda: functional(layers.Rescaling(1 / 255)), ("none", True)),
    "in a Sequential": (lambda: sequential(layers.Rescaling(1 / 127.5, -1)), ("none", True)),
    "behind augmentation": (
        lambda: sequential(layers.RandomFlip(), layers.Rescaling(1 / 255)), ("none", True),
    ),
    "inside of a model": (
        lambda: around(functional(layers.Rescaling(1 / 255))), ("none", True),
    ),
    "a function of Keras": (lambda: functional(mobile), ("none", True)),
    "a division": (lambda: functional(lambda x: x / 255.0), ("none", True)),
    "a product": (lambda: functional(lambda x: x * (1 / 255)), ("none", True)),
    "some other factor": (lambda: functional(layers.Rescaling(2.0)), None),
    "a Normalization": (lambda: functional(centred()), ("none", False)),
    "nothing": (functional, None),
    "two first layers": (
        lambda: functional(lambda x: layers.Add()([layers.Conv2D(3, 1)(x), x])), None,
    ),
    "a name": (lambda: inner("mobilenetv2_1.00_32"), ("symmetric", False)),
    "the name of the whole": (lambda: functional(name="resnet152v2"), ("symmetric", False)),
    "one name within another": (lambda: inner("resnet50"), ("imagenet-caffe", False)),
    "of torch": (lambda: inner("densenet121"), ("imagenet-torch", False)),
}  # fmt: skip


@pytest.mark.parametrize("case", FOUND)
def test_what_a_model_shows(case: str) -> None:
    make, expected = FOUND[case]
    found = find_scaling(make())
    assert (found and (found.name, found.certain)) == expected


@pytest.mark.parametrize("name", NAMED)
def test_the_layers_of_a_scaling_do_what_it_says(name: str) -> None:
    pixels = keras.Input((4, 5, 3), dtype="uint8")
    model = keras.Model(pixels, scaled(pixels, NAMED[name]))
    given = np.random.default_rng(3).integers(0, 256, (2, 4, 5, 3)).astype(np.uint8)
    np.testing.assert_allclose(model(given).numpy(), NAMED[name].apply(given), 1e-5, 1e-4)
