from __future__ import annotations

import numpy as np
import pytest

from vigie.training.photos.folds import MANY_PHOTOS, folds_of, judging_folds


def test_every_photo_is_judged_once_and_groups_stay_together() -> None:
    target = np.arange(60) % 3
    groups = np.arange(60) // 2
    folds = folds_of(target, groups, 5, 0)
    assert sorted(np.concatenate([fold.judged for fold in folds]).tolist()) == list(range(60))
    for fold in folds:
        assert not set(groups[fold.training]) & set(groups[fold.judged])
        assert set(target[fold.judged]) == {0, 1, 2}


@pytest.mark.parametrize(("each", "folds"), [(1, 0), (3, 3), (8, 5)])
def test_few_photos_of_a_label_make_fewer_folds(each: int, folds: int) -> None:
    target = np.repeat(np.arange(4), each)
    assert len(folds_of(target, np.arange(len(target)), 5, 0)) == folds


def test_many_photos_are_judged_by_one_part() -> None:
    target = np.arange(MANY_PHOTOS) % 2
    (fold,) = judging_folds(target, np.arange(MANY_PHOTOS), 0)
    assert len(fold.judged) == MANY_PHOTOS // 5
