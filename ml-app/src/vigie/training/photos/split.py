"""Which photos are held out: a share of each label, like photos on one side, by their content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vigie.errors import DataError
from vigie.training.dataset import HELD_OUT_PERCENT
from vigie.training.photos.near_duplicates import group_near_duplicates

if TYPE_CHECKING:
    from vigie.training.photos.photo_set import PhotoSet

FEWEST_HELD_OUT = 10
SHARE = HELD_OUT_PERCENT / 100


@dataclass(frozen=True)
class PhotoSplit:
    """Training and held-out photos, the groups of the first, and what is alike.

    `near_duplicates` are photos that have a near-duplicate; `leaked` those held out of which a
    given split has one on the other side.
    """

    training: PhotoSet
    held_out: PhotoSet
    groups: np.ndarray
    near_duplicates: int
    leaked: int = 0


def split_photos(photos: PhotoSet) -> PhotoSplit:
    """The split that the files give, else a fifth of each label; the same for the same photos.

    Near-duplicates are on one side, but in a split that is given. Raises `DataError` where too few
    are held out to judge by.
    """
    groups = group_near_duplicates(photos.thumbs)
    given = any(file.side for file in photos.files)
    if given:
        held = np.array([file.side == "held out" for file in photos.files], bool)
    else:
        held = _hold_out(photos, groups)
    if held.sum() < FEWEST_HELD_OUT:
        raise DataError(
            f"only {int(held.sum())} of {len(photos)} photos are held out, {FEWEST_HELD_OUT} are "
            "needed: about 50 photos in all"
        )
    training = photos.take(np.flatnonzero(~held))
    missing = sorted(set(photos.labels.tolist()) - set(training.labels.tolist()))
    if missing:
        raise DataError(f"no photo of {missing[0]} is left to train on; add photos of it")
    _, place, counts = np.unique(groups, return_inverse=True, return_counts=True)
    leaked = int(np.isin(groups[held], groups[~held]).sum())
    return PhotoSplit(
        training,
        photos.take(np.flatnonzero(held)),
        groups[~held],
        int((counts[place] > 1).sum()),
        leaked,
    )


def _hold_out(photos: PhotoSet, groups: np.ndarray) -> np.ndarray:
    """True for a fifth of each label's photos: whole groups, those with the smallest hashes."""
    held = np.zeros(len(photos), bool)
    of_label: dict[str, list[tuple[str, list[int]]]] = {}
    for members in _members(groups):
        # of the file's digest: anybody may make files whose own digest begins with zeros
        key = min(hashlib.sha256(photos.sha256[i].encode()).hexdigest() for i in members)
        label = min(photos.files[i].label for i in members)
        of_label.setdefault(label, []).append((key, members))
    for found in of_label.values():
        wanted = max(round(sum(len(members) for _, members in found) * SHARE), 1)
        taken = 0
        # the last group stays to be learnt from
        for _, members in sorted(found)[:-1]:
            if taken < wanted and (not taken or taken + len(members) <= wanted):
                held[members] = True
                taken += len(members)
    return held


def _members(groups: np.ndarray) -> list[list[int]]:
    """The places of each group's photos."""
    places: dict[int, list[int]] = {}
    for place, group in enumerate(groups.tolist()):
        places.setdefault(group, []).append(place)
    return list(places.values())
