"""What every training on photos has: both sides of the split, the base, its run, the package."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.models.text import text_in
from vigie.training.network import KerasNetwork
from vigie.training.packaging import Trained, source_revision
from vigie.training.photos.extractor import build_extractor
from vigie.training.photos.features import FeatureStore
from vigie.training.photos.reference_photos import (
    build_references,
    choose_references,
    most_references,
)
from vigie.training.photos.retrieval import retrieval_figures
from vigie.training.photos.split import split_photos
from vigie.training.photos.vectors import Vectors
from vigie.training.tracking import Tracking

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import keras

    from vigie.settings import Settings
    from vigie.training.dataset import Dataset
    from vigie.training.photos.photo_set import PhotoSet
    from vigie.training.photos.plan import PhotoPlan
    from vigie.training.photos.reduction import FittedReduction
    from vigie.training.references import References
    from vigie.training.steps import Steps

FEATURES_FOLDER = "features"
"""Where the folder of data keeps what bases say of photos."""
_SOME_PHOTO = 0

VectorsOf = Callable[["PhotoSet"], np.ndarray]


class PhotoRun:
    """One training on photos: what is common to a classification and an embedding of them."""

    def __init__(
        self,
        plan: PhotoPlan,
        photos: PhotoSet,
        settings: Settings,
        steps: Steps,
        weights: str | None,
    ) -> None:
        self._photos = photos
        self._sha256 = photos.digest()
        self._split = split_photos(photos)
        training = self._split.training
        self._plan = plan.with_example(training.pixels([_SOME_PHOTO])[0])
        self._settings = settings
        self._steps = steps
        with steps.step(f"base {plan.base}"):
            self._extractor = build_extractor(self._plan, weights, settings.weights)
        if self._extractor.random:
            steps.say("WARNING: the base has RANDOM WEIGHTS; its answers are for tests only")
        self._store = FeatureStore(self._plan, self._extractor, settings.data / FEATURES_FOLDER)
        self.tracking = Tracking(settings, plan.plan.name)
        self.started = datetime.now(UTC)

    def log_data(self) -> None:
        """Logs what is trained on and what is held out, each photo by its figures."""
        photos, split, plan = self._photos, self._split, self._plan
        self.tracking.log_split(plan.plan, *map(self._described, (photos, *self._sides())))
        self.tracking.log_parameters(
            {
                "base": plan.base,
                "base.weights": self._extractor.origin,
                "base.weights.sha256": self._extractor.sha256,
                "size": plan.photo.shape[:2],
                "pooling": plan.pooling,
                "augmentation": plan.augmentation,
                "fine_tune": plan.fine_tune,
                "class_weights": plan.class_weights,
            }
        )
        self.tracking.log_metrics(
            {"near_duplicates": split.near_duplicates, "near_duplicates.leaked": split.leaked}
        )

    def _sides(self) -> tuple[PhotoSet, PhotoSet]:
        return self._split.training, self._split.held_out

    def _described(self, photos: PhotoSet) -> Dataset:
        return photos.described(self._sha256)

    def _features(self, photos: PhotoSet) -> np.ndarray:
        found: np.ndarray = self._store.features(photos)[0]
        return found

    @property
    def _width(self) -> int:
        """How many features a photo has."""
        return int(self._extractor.model.output.shape[-1])

    def _tell_lowered(self, reduction: FittedReduction | None) -> None:
        if reduction is not None and reduction.lowered is not None:
            self._steps.say(
                f"    {len(reduction)} components instead of {reduction.lowered}: "
                f"{len(self._split.training)} training photos have no more"
            )

    def _vectors(
        self,
        vectors_of: VectorsOf,
        labels: Sequence[str],
        output: str,
        reduction: FittedReduction | None,
    ) -> Vectors:
        """What the network answers as `output`, its references and what they are good for."""
        held_out = self._split.held_out
        kept = 1.0 if reduction is None else reduction.kept(self._features(held_out))
        references = self._references(vectors_of, labels, output)
        asked = held_out.take(np.flatnonzero(held_out.labels != ""))
        if references is None or not len(asked):
            return Vectors(output, reduction, kept, references)
        figures = retrieval_figures(
            references.neighbours, labels, vectors_of(asked), asked.labels,
            references.described.count,
        )  # fmt: skip
        return Vectors(output, reduction, kept, references, figures)

    def _references(
        self, vectors_of: VectorsOf, labels: Sequence[str], output: str
    ) -> References | None:
        """The training photos that the package keeps, by what `vectors_of` gives for them."""
        plan, training = self._plan.neighbours, self._split.training
        if plan is None:
            return None
        chosen = training.take(choose_references(training, most_references(plan, self._width)))
        return build_references(plan, output, chosen, vectors_of(chosen), labels)

    def _trained(
        self, model: keras.Model, vectors: Vectors, exact: Path | None = None, **found: Any
    ) -> Trained:
        """What the package is written from: `found` are the fields that are this training's own.

        `exact` is the model's graph, where it was written already.
        """
        return Trained(
            reduction=vectors.described,
            references=vectors.references,
            plan=self._plan.plan,
            network=KerasNetwork(model, self._plan.plan.inputs, exact),
            training=self._with_origin(self._split.training.dataset(self._sha256)),
            interval=None,
            revision=source_revision(),
            trained_at=self.started.isoformat(timespec="seconds"),
            **found,
        )

    def _with_origin(self, rows: Dataset) -> Dataset:
        """The rows, their source with a word on the base: what the package says of itself."""
        base = f"{self._plan.base}, {self._extractor.origin}"
        return replace(rows, source=f"{text_in(rows.source, 'en')} (base: {base})")
