"""How good a network of photos is: per label, per size and brightness, and by photos seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vigie.training.evaluation import error_by_slice, errors_of, evaluate
from vigie.training.photos.folds import judging_folds
from vigie.training.photos.linear_head import fit_linear_head

if TYPE_CHECKING:
    from vigie.training.dataset import Dataset
    from vigie.training.evaluation import Evaluation
    from vigie.training.photos.features import FeatureStore
    from vigie.training.photos.plan import PhotoPlan
    from vigie.training.photos.split import PhotoSplit

THIRDS = 3
SLICED = ("megapixels", "brightness")
SHARES = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class LabelFigures:
    """One label among the held-out photos: how many have it, and how well it is found."""

    label: str
    photos: int
    precision: float
    recall: float


def evaluate_photos(plan: PhotoPlan, held_out: Dataset, predicted: np.ndarray) -> Evaluation:
    """The figures of these labels; `held_out` describes the photos by their figures."""
    found = evaluate(replace(plan.plan, slices=()), held_out, predicted, None)
    names = [f"{plan.photo.name}.{figure}" for figure in SLICED]
    errors = errors_of("classification", predicted, held_out.target)
    return replace(found, slices=error_by_slice(held_out, names, errors, THIRDS))


def figures_by_label(
    labels: Sequence[str], predicted: np.ndarray, actual: np.ndarray
) -> list[LabelFigures]:
    """Precision and recall of each label; 0 where it is never answered, or never true."""
    found = []
    for label in labels:
        said, is_so = predicted == label, actual == label
        hits = float(np.sum(said & is_so))
        found.append(
            LabelFigures(
                label,
                int(is_so.sum()),
                hits / max(float(said.sum()), 1.0),
                hits / max(float(is_so.sum()), 1.0),
            )
        )
    return found


def confusion(labels: Sequence[str], predicted: np.ndarray, actual: np.ndarray) -> np.ndarray:
    """Photos by their label (rows) and the answer (columns), int [labels, labels]."""
    place = {label: number for number, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels)), np.int64)
    for is_so, said in zip(actual, predicted, strict=True):
        counts[place[is_so], place[said]] += 1
    return counts


def accuracy_by_photos(
    plan: PhotoPlan,
    store: FeatureStore,
    split: PhotoSplit,
    strength: float,
    vectors: Callable[[np.ndarray], np.ndarray] = lambda features: features,
) -> list[Mapping[str, float]]:
    """The accuracy on held-out photos of linear heads that learn from more and more photos.

    `vectors` gives what a head takes of features.
    """
    labels = np.array(sorted(set(split.training.labels.tolist())))
    target = np.searchsorted(labels, split.training.labels.astype(str))
    features = vectors(store.features(split.training, plan.augmentation.copies))
    asked = vectors(store.features(split.held_out)[0])
    order = np.random.default_rng(plan.plan.seed).permutation(len(target))
    curve: list[Mapping[str, float]] = []
    for share in SHARES:
        part = np.sort(order[: max(round(share * len(order)), 2)])
        if len(np.unique(target[part])) < 2:
            continue
        folds = judging_folds(target[part], split.groups[part], plan.plan.seed)[:1]
        if not folds:
            continue
        head = fit_linear_head(
            features[:, part], target[part], len(labels), folds, plan.class_weights, (strength,)
        )
        said = labels[head.scores(asked).argmax(axis=1)]
        curve.append(
            {"photos": len(part), "accuracy": float(np.mean(said == split.held_out.labels))}
        )
    return curve
