"""Photos that are nearly the same: frames of one film, another size, another compression."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

MOST_BITS = 2
"""Of 64 places at which two photos that are nearly the same may go opposite ways."""
MOST_LEVELS = 8.0
"""Of 255, the mean difference of their small pictures: plain skies go no way at all."""
FLAT = 2.0
"""A step of fewer levels is noise, which another compression changes."""
_COMPARED_TOGETHER = 512
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def difference_hashes(thumbs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Twice 64 bits per picture, uint64 [photos] each, of `thumbs` uint8 [photos, 8, 9, 3].

    The bits say of each place whether it is clearly brighter than the one to its left, and whether
    it is clearly darker.
    """
    luma = thumbs.astype(np.float32) @ _LUMA
    steps = (luma[:, :, 1:] - luma[:, :, :-1]).reshape(len(thumbs), 64)
    return _as_words(steps > FLAT), _as_words(steps < -FLAT)


def group_near_duplicates(thumbs: np.ndarray) -> np.ndarray:
    """The number of each photo's group, int [photos]; most have one of their own."""
    rising, falling = difference_hashes(thumbs)
    flat = thumbs.reshape(len(thumbs), -1).astype(np.float32)
    first, second = [np.zeros(0, int)], [np.zeros(0, int)]
    for start in range(0, len(thumbs), _COMPARED_TOGETHER):
        part = slice(start, start + _COMPARED_TOGETHER)
        opposite = (rising[part, None] & falling[None, start:]) | (
            falling[part, None] & rising[None, start:]
        )
        near, other = np.nonzero(np.bitwise_count(opposite) <= MOST_BITS)
        near, other = near[near < other] + start, other[near < other] + start
        close = np.abs(flat[near] - flat[other]).mean(axis=1) <= MOST_LEVELS
        first.append(near[close])
        second.append(other[close])
    near, other = np.concatenate(first), np.concatenate(second)
    size = (len(thumbs), len(thumbs))
    links = coo_array((np.ones(len(near)), (near, other)), shape=size)
    groups: np.ndarray = connected_components(links, directed=False)[1]
    return groups


def _as_words(bits: np.ndarray) -> np.ndarray:
    return np.packbits(bits, axis=1).view(">u8").astype(np.uint64).reshape(-1)
