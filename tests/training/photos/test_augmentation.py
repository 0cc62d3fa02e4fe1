from __future__ import annotations

import hashlib

import numpy as np

from support.drawn_photos import draw_photo
from vigie.training.photos.augmentation import augment
from vigie.training.photos.plan import Augmentation

PIXELS = np.asarray(draw_photo("dots", 1))
DIGEST = hashlib.sha256(b"dots").hexdigest()


def test_the_first_is_the_photo_and_the_second_is_mirrored() -> None:
    plan = Augmentation()
    assert np.array_equal(augment(PIXELS, DIGEST, 0, plan), PIXELS)
    assert np.array_equal(augment(PIXELS, DIGEST, 1, plan), PIXELS[:, ::-1])


def test_copies_differ_and_are_the_same_in_every_run() -> None:
    plan = Augmentation(flip=False)
    copies = [augment(PIXELS, DIGEST, number, plan) for number in (1, 2, 3)]
    assert {copy.shape for copy in copies} == {PIXELS.shape}
    assert all(copy.dtype == np.uint8 for copy in copies)
    assert not np.array_equal(copies[0], copies[1])
    assert np.array_equal(copies[1], augment(PIXELS, DIGEST, 2, plan))
    other = hashlib.sha256(b"other").hexdigest()
    assert not np.array_equal(copies[1], augment(PIXELS, other, 2, plan))


def test_brightness_stays_within_its_share() -> None:
    plan = Augmentation(flip=False, crop=0, brightness=0.1)
    means = [augment(PIXELS, DIGEST, number, plan).mean() / PIXELS.mean() for number in range(30)]
    assert 0.9 <= min(means) < 0.95
    assert 1.05 < max(means) <= 1.1
