"""Cross-validation on photos: labels in their shares, like photos in one fold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vigie.training.photos.baselines import predict_baselines
from vigie.training.photos.extractor import build_extractor
from vigie.training.photos.features import FeatureStore
from vigie.training.photos.folds import folds_of
from vigie.training.photos.near_duplicates import group_near_duplicates
from vigie.training.photos.network import fit_photos
from vigie.training.photos.photo_run import FEATURES_FOLDER

if TYPE_CHECKING:
    from vigie.settings import Settings
    from vigie.training.photos.photo_set import PhotoSet
    from vigie.training.photos.plan import PhotoPlan


@dataclass(frozen=True)
class PhotoFold:
    """The share of a fold's photos that are answered rightly, by the network and the baselines."""

    accuracy: float
    baselines: dict[str, float]


def cross_validate_photos(
    plan: PhotoPlan,
    photos: PhotoSet,
    settings: Settings,
    folds: int,
    repeats: int,
    on_fold: Callable[[int, int, str], object],
    weights: str | None = None,
) -> list[PhotoFold]:
    """One result per fold and repeat; every choice of a training is made inside its fold."""
    labels = np.array(sorted(set(photos.labels.tolist())))
    target = np.searchsorted(labels, photos.labels.astype(str))
    groups = group_near_duplicates(photos.thumbs)
    results: list[PhotoFold] = []
    extractor = build_extractor(plan, weights, settings.weights)
    store = FeatureStore(plan, extractor, settings.data / FEATURES_FOLDER)
    for repeat in range(repeats):
        for fold in folds_of(target, groups, folds, plan.plan.seed + repeat):
            if plan.fine_tune and results:
                # the base was changed by the fold before
                extractor = build_extractor(plan, weights, settings.weights)
            training, test = photos.take(fold.training), photos.take(fold.judged)
            fitted = fit_photos(plan, extractor, store, training, groups[fold.training])
            scores = fitted.scores(test, store, lambda done, total, note: None)
            answers = {"": fitted.predicted(scores), **predict_baselines(training, test)}
            right = {name: float(np.mean(said == test.labels)) for name, said in answers.items()}
            results.append(PhotoFold(right.pop(""), right))
            on_fold(len(results), folds * repeats, "")
    return results


def summarise_photos(results: list[PhotoFold]) -> dict[str, float]:
    """The mean accuracy over all folds and its spread, beside that of the baselines."""
    own = np.array([result.accuracy for result in results])
    figures = {
        "folds": float(len(results)),
        "accuracy": float(own.mean()),
        "spread of the accuracy": float(own.std()),
        "lowest accuracy of a fold": float(own.min()),
    }
    for name in results[0].baselines:
        figures[f"accuracy of {name}"] = float(np.mean([r.baselines[name] for r in results]))
    return figures
