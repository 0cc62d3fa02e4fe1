"""Scalings by name do what the libraries do that trained with them."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from vigie.errors import DataError
from vigie.training.imported.scaling import NAMED, Scaling, scaling_of

PIXELS = np.random.default_rng(2).integers(0, 256, (2, 4, 5, 3)).astype(np.uint8)
OF_KERAS = {
    "none": keras.applications.efficientnet.preprocess_input,
    "symmetric": keras.applications.mobilenet_v2.preprocess_input,
    "imagenet-caffe": keras.applications.resnet50.preprocess_input,
    "imagenet-torch": keras.applications.densenet.preprocess_input,
    "unit": lambda pixels: pixels / 255,
}


@pytest.mark.parametrize("name", NAMED)
def test_a_named_scaling_is_that_of_keras(name: str) -> None:
    expected = OF_KERAS[name](PIXELS.astype(np.float32))
    np.testing.assert_allclose(NAMED[name].apply(PIXELS), expected, 1e-5, 1e-5)


def test_a_scaling_travels_as_json() -> None:
    for scaling in [*NAMED.values(), Scaling("own", "by its own figures", (1.0, 2.0, 3.0))]:
        assert Scaling.from_dict(scaling.to_dict()) == scaling


def test_figures_of_ones_own_are_one_number_or_three() -> None:
    assert scaling_of(None) is None
    assert scaling_of("unit") is NAMED["unit"]
    own = scaling_of(None, "0.5", "1,2,3")
    assert own is not None
    assert (own.scale, own.offset) == ((0.5, 0.5, 0.5), (1.0, 2.0, 3.0))
    assert not own.is_identity


@pytest.mark.parametrize(
    ("name", "scale", "offset", "told"),
    [
        ("tiny", None, None, "no scaling 'tiny'; there are none, unit, symmetric, imagenet-"),
        ("unit", "1", None, "not both"),
        (None, "1,2", None, "--scale is one number, or three"),
        (None, "nan", None, "--scale is one number, or three"),
        (None, "1e39", None, "--scale is one number, or three"),
        (None, "1,0,1", None, "a --scale of 0 makes all photos the same"),
        (None, None, "much", "--offset is one number, or three"),
    ],
)
def test_what_is_no_scaling_is_told(
    name: str | None, scale: str | None, offset: str | None, told: str
) -> None:
    with pytest.raises(DataError, match=told):
        scaling_of(name, scale, offset)
