"""The model that every contender serves: MobileNetV2 with random weights."""

from __future__ import annotations

import keras
import numpy as np

from bench.photos.contenders import LABELS, MODEL
from bench.photos.loads import SMALL_SIZE

SEED = 7
PHOTO, SCORES = "photo", "scores"
SHIFT = 2.0


def build_model(pixels: np.ndarray) -> keras.Model:
    """MobileNetV2, its mean features, a softmax; pixels go in, uint8 [photos, height, width, 3].

    Random weights alone answer every photo alike: no answer could be told from a wrong one. So the
    normalisation of each layer and the last layer are fitted to some pixels.
    """
    keras.utils.set_random_seed(SEED)
    width, height = SMALL_SIZE
    photo = keras.Input((height, width, 3), dtype="uint8", name=PHOTO)
    base = keras.applications.MobileNetV2(
        include_top=False, weights=None, input_shape=(height, width, 3), pooling="avg"
    )
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1)
    head = keras.layers.Dense(len(LABELS), "softmax", name=SCORES)
    model = keras.Model({PHOTO: photo}, head(base(scaled(photo))), name=MODEL)
    _normalise(base, scaled(pixels))
    _spread(head, np.asarray(base(scaled(pixels), training=False)))
    return model


def _normalise(base: keras.Model, inputs: np.ndarray) -> None:
    """Gives every layer the means and variances of these inputs.

    The shift keeps most values where the activations are linear: layers that are not would make
    noise of one level in 255 into other answers, and no decoder is as exact as that.
    """
    for layer in base.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
            layer.beta.assign(np.full(layer.beta.shape, SHIFT, np.float32))
    base(inputs, training=True)


def _spread(head: keras.layers.Layer, features: np.ndarray) -> None:
    """Centres and scales the last layer, so that photos have scores of their own."""
    kernel = np.asarray(head.kernel)
    kernel = kernel / ((features - features.mean(axis=0)) @ kernel).std()
    head.kernel.assign(kernel)
    head.bias.assign(-features.mean(axis=0) @ kernel)
