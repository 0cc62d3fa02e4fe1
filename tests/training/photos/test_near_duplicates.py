from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image

from support.drawn_photos import LABELS, draw_photo
from support.photos import image_file
from vigie.training.photos.near_duplicates import difference_hashes, group_near_duplicates
from vigie.training.photos.photo_reader import THUMB


def thumb(image: Image.Image) -> np.ndarray:
    return np.asarray(image.resize(THUMB, Image.Resampling.BOX))


def again(image: Image.Image, quality: int, size: tuple[int, int]) -> Image.Image:
    """The photo in another size and compression."""
    made = image_file(image.resize(size, Image.Resampling.BICUBIC), quality=quality)
    return Image.open(BytesIO(made)).convert("RGB")


def test_the_hashes_have_a_bit_per_step_to_the_right() -> None:
    rising = np.repeat(np.arange(9, dtype=np.uint8)[None, :, None] * 20, 8, 0).repeat(3, 2)
    brighter, darker = difference_hashes(np.stack([rising, rising[:, ::-1], rising // 20]))
    assert brighter.tolist() == [2**64 - 1, 0, 0]
    assert darker.tolist() == [0, 2**64 - 1, 0]


def test_another_size_or_compression_is_the_same_group_and_other_photos_are_not() -> None:
    photos = [draw_photo(label, seed) for label in LABELS for seed in range(20)]
    others = [again(photos[7], 40, (80, 60)), again(photos[7], 75, (240, 180))]
    groups = group_near_duplicates(np.stack([thumb(one) for one in photos + others]))
    assert groups[60] == groups[61] == groups[7]
    assert len(set(groups.tolist())) == 60


def test_plain_photos_of_other_colours_are_not_the_same() -> None:
    """Their hashes are: nothing in them changes from left to right."""
    plain = np.stack([np.full((8, 9, 3), level, np.uint8) for level in (20, 25, 120)])
    groups = group_near_duplicates(plain)
    assert groups[0] == groups[1] != groups[2]
