"""The job on photos without labels: features, their components, publication."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vigie.models.profile import build_profile
from vigie.training.evaluation import Evaluation
from vigie.training.model_card import model_card
from vigie.training.photos.model_card import base_sections
from vigie.training.photos.network import joined
from vigie.training.photos.photo_run import PhotoRun
from vigie.training.photos.reduction import fit_reduction
from vigie.training.photos.vectors import features_output
from vigie.training.publishing import Judged, Publication, check_signing_key
from vigie.training.train import TrainingResult

if TYPE_CHECKING:
    import keras

    from vigie.models.profile import Profile
    from vigie.settings import Settings
    from vigie.training.packaging import Trained
    from vigie.training.photos.photo_set import PhotoSet
    from vigie.training.photos.plan import PhotoPlan
    from vigie.training.photos.vectors import Vectors
    from vigie.training.publishing import Published
    from vigie.training.steps import Steps


@dataclass(frozen=True)
class _Embedding:
    """A network that answers vectors, those of the training photos, and what they are good for."""

    model: keras.Model
    known: np.ndarray
    labels: tuple[str, ...]
    vectors: Vectors


def train_embedding(
    plan: PhotoPlan, photos: PhotoSet, settings: Settings, steps: Steps, weights: str | None = None
) -> TrainingResult:
    """Registers a network that answers a vector for a photo; champion where there is none yet.

    `weights` as in `train_photos`.
    """
    check_signing_key(settings)
    run = EmbeddingRun(plan, photos, settings, steps, weights)
    with run.tracking.run(f"{plan.plan.name} {run.started:%Y-%m-%d %H:%M}") as run_id:
        run.log_data()
        found = run.fit()
        published = run.publish(found, run_id)
    return TrainingResult(
        plan.plan.name, published.version, published.digest, found.vectors.metrics, {},
        published.comparison,
    )  # fmt: skip


class EmbeddingRun(PhotoRun):
    """One embedding of photos; the steps are called in the order in which they stand here."""

    def fit(self) -> _Embedding:
        """The network: nothing is learnt but the components, where the plan asks for them."""
        plan, training = self._plan, self._split.training
        with self._steps.step("features") as step:
            features = self._store.features(training, 0, step.advance)[0]
            reduction = fit_reduction(plan.reduction, features) if plan.reduction else None
        self._tell_lowered(reduction)
        labels = tuple(sorted(set(training.labels.tolist()) - {""}))
        name = plan.plan.target.name
        model = joined(self._extractor, None, name, reduction, with_features=reduction is not None)

        def vectors_of(photos: PhotoSet) -> np.ndarray:
            found = self._features(photos)
            return found if reduction is None else reduction.apply(found)

        with self._steps.step("evaluation"):
            vectors = self._vectors(vectors_of, labels, name, reduction)
            self.tracking.log_metrics(vectors.metrics)
            if reduction is not None:
                self.tracking.log_parameters({"components": len(reduction)})
        return _Embedding(model, vectors_of(training), labels, vectors)

    def publish(self, found: _Embedding, run_id: str) -> Published:
        """Logs plots and model card; registers the package and asks the gate.

        Vectors of two versions are not compared: they lie in spaces of their own.
        """
        trained = self._package(found)
        held_out = self._split.held_out
        with self._steps.step("plots and model card"), self.tracking.artifacts() as folder:
            (folder / "plots").mkdir()
            sections = [
                *base_sections(self._plan, self._extractor, self._split),
                *found.vectors.write_report(folder / "plots"),
            ]
            evaluation = Evaluation(found.known, None, found.vectors.metrics, math.nan, [])
            card = model_card(trained, {}, evaluation, len(held_out), sections)
            (folder / "model_card.md").write_text(card, encoding="utf-8")
        judged = Judged(math.nan, {}, self._described(held_out), held_out.digest())
        publication = Publication(self._settings, self.tracking, self._steps)
        return publication.publish(trained, judged, run_id)

    def _package(self, found: _Embedding) -> Trained:
        reduction = found.vectors.reduction
        nobody = np.array([], int)
        return self._trained(
            found.model,
            found.vectors,
            held_out=self._split.held_out.take(nobody).dataset(self._sha256),
            labels=found.labels,
            metrics=found.vectors.metrics,
            kind=f"{self._plan.base} without its top",
            profile=self._profile(found),
            shape=(self._width if reduction is None else len(reduction),),
            others=() if reduction is None else (features_output(self._width),),
        )

    def _profile(self, found: _Embedding) -> Profile:
        training, name = self._split.training, self._plan.photo.name
        means = found.known.mean(axis=1, dtype=np.float64)
        return build_profile((), {}, means, {name: training.figures.tolist()})
