"""The whole network: features and head of training photos, as one model of pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import keras
import numpy as np

from vigie.errors import DataError
from vigie.models.model_output import best_labels
from vigie.training.photos.dense_head import DenseHead, fit_dense_head
from vigie.training.photos.fine_tuning import fine_tune
from vigie.training.photos.folds import judging_folds
from vigie.training.photos.linear_head import REDUCED_STRENGTHS, STRENGTHS, fit_linear_head
from vigie.training.photos.plan import VECTOR
from vigie.training.photos.reduction import fit_reduction

if TYPE_CHECKING:
    from vigie.training.photos.extractor import Extractor
    from vigie.training.photos.features import FeatureStore
    from vigie.training.photos.linear_head import LinearHead
    from vigie.training.photos.photo_set import PhotoSet
    from vigie.training.photos.plan import PhotoPlan
    from vigie.training.photos.reduction import FittedReduction

Advance = Callable[[int, int, str], None]
FEWEST_FOR_DENSE = 500
"""A hidden layer is tried, where the recipe leaves it open, from so many photos on."""
MOST_NUMBERS = 2_000_000


@dataclass(frozen=True)
class FittedPhotos:
    """A network of photos: `model` maps pixels, uint8 [rows, height, width, 3], to scores.

    Behind the scores it answers the vector of `reduction`, if there is one, and the features, if
    the plan has a use for them.

    `tuned` says that its base was changed, so that features of the frozen one are not its own.
    `kind` tells people what it is, `chosen` what was chosen on the way, `error` is the
    cross-entropy of training photos that it did not learn from.
    """

    model: keras.Model
    head: LinearHead | DenseHead
    labels: tuple[str, ...]
    kind: str
    history: tuple[dict[str, float], ...]
    chosen: Mapping[str, object]
    error: float
    tuned: bool
    reduction: FittedReduction | None = None

    def vectors(self, features: np.ndarray) -> np.ndarray:
        """What the head takes of features [..., width]: their components, where it takes these."""
        return features if self.reduction is None else self.reduction.apply(features)

    def scores(self, photos: PhotoSet, store: FeatureStore, advance: Advance) -> np.ndarray:
        """Scores [photos, labels]; features that are known already are not computed again."""
        if not self.tuned:
            return self.head.scores(self.vectors(store.features(photos, 0, advance)[0]))
        most = max(MOST_NUMBERS // int(np.prod(photos.item.shape)), 1)
        parts = []
        for start in range(0, len(photos), most):
            pixels = photos.pixels(np.arange(start, min(start + most, len(photos))))
            feeds = {photos.item.name: pixels}
            parts.append(np.asarray(self.model.predict_on_batch(feeds)))
            advance(start + len(pixels), len(photos), "")
        return np.concatenate(parts)

    def predicted(self, scores: np.ndarray) -> np.ndarray:
        """The label of each row of scores, text [rows]."""
        return np.array(best_labels(self.labels, scores), object)


def fit_photos(
    plan: PhotoPlan,
    extractor: Extractor,
    store: FeatureStore,
    training: PhotoSet,
    groups: np.ndarray,
    advance: Advance = lambda done, total, note: None,
) -> FittedPhotos:
    """The network of these photos; the same photos and machine give the same one."""
    labels = tuple(sorted(set(training.labels.tolist())))
    target = np.searchsorted(np.array(labels), training.labels.astype(str))
    features = store.features(training, plan.augmentation.copies, advance)
    reduction = fit_reduction(plan.reduction, features[0]) if plan.reduction else None
    if reduction is not None:
        features = reduction.apply(features)
    folds = judging_folds(target, groups, plan.plan.seed)
    if not folds:
        raise DataError("too few different photos to train on; add photos of every label")
    heads: list[LinearHead | DenseHead] = []
    if plan.head.kind != "dense":
        strengths = STRENGTHS if reduction is None else REDUCED_STRENGTHS
        heads.append(
            fit_linear_head(features, target, len(labels), folds, plan.class_weights, strengths)
        )
    if plan.head.kind == "dense" or (
        plan.head.kind == "auto" and len(training) >= FEWEST_FOR_DENSE
    ):
        heads.append(
            fit_dense_head(
                plan.head, features, target, len(labels), folds[0], plan.class_weights,
                plan.plan.seed,
            )
        )  # fmt: skip
    head = min(heads, key=lambda one: one.error)
    history = head.history if isinstance(head, DenseHead) else ()
    name = plan.plan.target.name
    model = joined(
        extractor, _layers(head, len(labels)), name, reduction, with_features=plan.has_vectors
    )
    chosen = _chosen(head)
    if reduction is not None:
        chosen["components"] = len(reduction)
    if plan.fine_tune:
        tuned = fine_tune(plan, extractor, model, training, target, folds[0], advance)
        history, error = tuned.history, tuned.error
        chosen["fine_tuned_layers"] = tuned.layers
    else:
        error = head.error
    kind = f"{plan.base} with a {chosen['head']} head"
    return FittedPhotos(
        model, head, labels, kind, history, chosen, error, plan.fine_tune, reduction
    )


def joined(
    extractor: Extractor,
    head: keras.Model | None,
    name: str,
    reduction: FittedReduction | None = None,
    *,
    with_features: bool = False,
) -> keras.Model:
    """Extractor, reduction and head as one model, its first output called `name`.

    That is what the last of them answers. Behind a head stands the vector of the reduction, called
    `vector`; then, `with_features`, the features.
    """
    photo, features = extractor.model.input, extractor.model.output
    answers, last = [], features
    if reduction is not None:
        last = reduction.layer(VECTOR if head is not None else name)(features)
        answers.append(last)
    if head is not None or reduction is None:
        given = last if head is None else head(last)
        answers.insert(0, keras.layers.Identity(name=name)(given))
    if with_features:
        answers.append(features)
    return keras.Model({photo.name: photo}, answers if len(answers) > 1 else answers[0])


def _layers(head: LinearHead | DenseHead, labels: int) -> keras.Model:
    if isinstance(head, DenseHead):
        return head.model
    layer = keras.layers.Dense(labels, activation="softmax", name="scores")
    model = keras.Sequential([keras.Input((len(head.kernel),)), layer], name="head")
    layer.set_weights([head.kernel, head.bias])
    return model


def _chosen(head: LinearHead | DenseHead) -> dict[str, object]:
    if isinstance(head, DenseHead):
        return {"head": "dense", "head.epochs": len(head.history)}
    return {"head": "linear", "head.strength": head.strength}
