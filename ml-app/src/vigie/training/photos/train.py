"""The main job on photos with labels: features, head, evaluation, publication."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vigie.models.profile import build_profile
from vigie.registry.gate.accuracy import discriminates
from vigie.training.evaluation import main_error, score
from vigie.training.model_card import model_card
from vigie.training.network import KerasNetwork
from vigie.training.photos.baselines import predict_baselines
from vigie.training.photos.champion_photos import as_champion_takes
from vigie.training.photos.evaluation import (
    accuracy_by_photos,
    confusion,
    evaluate_photos,
    figures_by_label,
)
from vigie.training.photos.linear_head import STRENGTHS, LinearHead
from vigie.training.photos.model_card import base_sections, label_sections
from vigie.training.photos.network import fit_photos
from vigie.training.photos.photo_run import PhotoRun
from vigie.training.photos.plan import FEATURES, VECTOR
from vigie.training.photos.quantization import int8_vectors, quantization_lines, try_int8
from vigie.training.photos.report import write_confusion_table, write_curve, write_worst_photos
from vigie.training.photos.vectors import features_output, vector_output
from vigie.training.publishing import Judged, Publication, check_signing_key
from vigie.training.report import write_plots
from vigie.training.train import TrainingResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vigie.models.model_output import Output
    from vigie.models.profile import Profile
    from vigie.settings import Settings
    from vigie.training.evaluation import Evaluation
    from vigie.training.packaging import Trained
    from vigie.training.photos.network import FittedPhotos
    from vigie.training.photos.photo_set import PhotoSet
    from vigie.training.photos.plan import PhotoPlan
    from vigie.training.photos.quantization import Int8Trial
    from vigie.training.photos.vectors import Vectors
    from vigie.training.publishing import Published
    from vigie.training.steps import Steps

MOST_HELD_OUT_BYTES = 64 * 2**20


@dataclass(frozen=True)
class _Answered:
    """A network, its scores of the held-out photos, and what its vectors are good for."""

    fitted: FittedPhotos
    scores: np.ndarray
    evaluation: Evaluation
    vectors: Vectors


def train_photos(
    plan: PhotoPlan,
    photos: PhotoSet,
    settings: Settings,
    steps: Steps,
    weights: str | None = None,
    *,
    quantize: bool = False,
) -> TrainingResult:
    """Trains one model and registers it; it becomes champion where the gate lets it.

    `weights` is a file, or `random`; without it the settings and Keras are asked. With `quantize`
    an int8 graph is served where it costs at most a point of accuracy.
    """
    check_signing_key(settings)
    run = ClassificationRun(plan, photos, settings, steps, weights)
    with run.tracking.run(f"{plan.plan.name} {run.started:%Y-%m-%d %H:%M}") as run_id:
        run.log_data()
        baselines = run.score_baselines()
        answered = run.fit()
        with tempfile.TemporaryDirectory() as folder:
            trial = run.try_int8(answered, Path(folder)) if quantize else None
            published = run.publish(answered, baselines, run_id, trial)
    return TrainingResult(
        plan.plan.name,
        published.version,
        published.digest,
        answered.evaluation.metrics,
        baselines,
        published.comparison,
    )


class ClassificationRun(PhotoRun):
    """One training on photos; the steps are called in the order in which they stand here."""

    def score_baselines(self) -> dict[str, float]:
        """The error of each baseline on the held-out photos."""
        errors = {}
        with self._steps.step("baselines"):
            truth = self._split.held_out.labels
            for name, predicted in predict_baselines(*self._sides()).items():
                figures = score("classification", predicted, truth)
                self.tracking.log_metrics(
                    {f"baseline.{name}.{key}": value for key, value in figures.items()}
                )
                errors[name] = main_error("classification", figures)
        return errors

    def fit(self) -> _Answered:
        """The network, and what it answers for the held-out photos."""
        plan, split = self._plan, self._split
        with self._steps.step("features and head") as step:
            fitted = fit_photos(
                plan, self._extractor, self._store, split.training, split.groups, step.advance
            )
            self.tracking.log_parameters(dict(fitted.chosen))
            self.tracking.log_metrics({"validation_cross_entropy": fitted.error})
            self.tracking.log_history(fitted.history)
        self._tell_lowered(fitted.reduction)
        with self._steps.step("evaluation") as step:
            scores = fitted.scores(split.held_out, self._store, step.advance)
            predicted = fitted.predicted(scores)
            evaluation = evaluate_photos(plan, self._described(split.held_out), predicted)
            vectors = self._vectors(
                lambda photos: fitted.vectors(self._features(photos)),
                fitted.labels,
                FEATURES if fitted.reduction is None else VECTOR,
                fitted.reduction,
            )
            evaluation = replace(evaluation, metrics=evaluation.metrics | vectors.metrics)
            self.tracking.log_metrics(evaluation.metrics)
        return _Answered(fitted, scores, evaluation, vectors)

    def try_int8(self, answered: _Answered, folder: Path) -> Int8Trial:
        """An int8 graph beside the float one, and whether it is to be served."""
        network = KerasNetwork(answered.fitted.model, self._plan.plan.inputs)
        with self._steps.step("int8 graph"):
            trial = try_int8(network, answered.fitted.labels, *self._sides(), folder)
        self._steps.say(f"    {trial}")
        figures = trial.graph.figures.model_dump()
        self.tracking.log_metrics({f"int8.{name}": value for name, value in figures.items()})
        return trial

    def publish(
        self,
        answered: _Answered,
        baselines: dict[str, float],
        run_id: str,
        trial: Int8Trial | None = None,
    ) -> Published:
        """Logs plots and model card; registers the package and asks the gate."""
        trained = self._package(answered, trial)
        more = quantization_lines(trial) if trial else []
        with self._steps.step("plots and model card"), self.tracking.artifacts() as folder:
            self._write_report(folder, trained, answered, baselines, more)
        held_out = self._split.held_out
        judged = Judged(
            _error_served(answered, trained),
            baselines,
            as_champion_takes(held_out, self._plan.plan.name, self._settings),
            _rows_digest(held_out),
            discriminates(answered.scores, held_out.labels, answered.fitted.labels),
        )
        publication = Publication(self._settings, self.tracking, self._steps)
        return publication.publish(trained, judged, run_id)

    def _write_report(
        self,
        folder: Path,
        trained: Trained,
        answered: _Answered,
        baselines: dict[str, float],
        more: Sequence[str],
    ) -> None:
        fitted, evaluation, held_out = answered.fitted, answered.evaluation, self._split.held_out
        described = self._described(held_out)
        write_plots(folder, trained.plan, fitted.history, described, evaluation)
        figures = figures_by_label(fitted.labels, evaluation.predicted, held_out.labels)
        counts = confusion(fitted.labels, evaluation.predicted, held_out.labels)
        self.tracking.log_label_figures(
            {one.label: {"precision": one.precision, "recall": one.recall} for one in figures}
        )
        plots = folder / "plots"
        write_confusion_table(folder / "confusion_matrix.csv", fitted.labels, counts)
        write_worst_photos(plots / "worst_photos.jpg", held_out, fitted.labels, answered.scores)
        strength = fitted.head.strength if isinstance(fitted.head, LinearHead) else STRENGTHS[1]
        curve = accuracy_by_photos(self._plan, self._store, self._split, strength, fitted.vectors)
        write_curve(plots / "accuracy_by_photos.png", curve)
        sections = [
            *base_sections(self._plan, self._extractor, self._split),
            *label_sections(figures, counts),
            *answered.vectors.write_report(plots),
            *more,
        ]
        card = model_card(trained, baselines, evaluation, len(held_out), sections)
        (folder / "model_card.md").write_text(card, encoding="utf-8")

    def _package(self, answered: _Answered, trial: Int8Trial | None) -> Trained:
        fitted, held_out = answered.fitted, self._split.held_out
        most = MOST_HELD_OUT_BYTES // int(np.prod(self._plan.photo.shape))
        kept = held_out.dataset(self._sha256).spread(min(self._settings.held_out_rows, most))
        return self._trained(
            fitted.model,
            held_out=kept,
            labels=fitted.labels,
            metrics=answered.evaluation.metrics,
            kind=fitted.kind,
            profile=self._profile(fitted),
            int8=trial.kept if trial else None,
            others=self._others(fitted),
            vectors=self._served(answered, trial),
            exact=trial.exact if trial else None,
        )

    def _others(self, fitted: FittedPhotos) -> tuple[Output, ...]:
        """What is answered behind the scores."""
        shown = () if fitted.reduction is None else (vector_output(len(fitted.reduction)),)
        return (*shown, features_output(self._width)) if self._plan.has_vectors else ()

    def _served(self, answered: _Answered, trial: Int8Trial | None) -> Vectors:
        """The vectors that the package keeps, as the graph that is served answers them."""
        int8 = trial.kept if trial else None
        if int8 is None or answered.vectors.references is None:
            return answered.vectors
        output, labels = answered.vectors.output, answered.fitted.labels
        references = self._references(
            lambda photos: int8_vectors(int8, output, photos), labels, output
        )
        return replace(answered.vectors, references=references)

    def _profile(self, fitted: FittedPhotos) -> Profile:
        training, name = self._split.training, self._plan.photo.name
        scores = fitted.scores(training, self._store, lambda done, total, note: None)
        predicted = fitted.predicted(scores).tolist()
        return build_profile((), {}, predicted, {name: training.figures.tolist()})


def _error_served(answered: _Answered, trained: Trained) -> float:
    """The error on held-out photos of the graph that is served."""
    if trained.int8 is None:
        return answered.evaluation.error
    return main_error("classification", {"accuracy": trained.int8.figures.accuracy})


def _rows_digest(photos: PhotoSet) -> str:
    """Equal where the same photos are held out with the same labels."""
    return hashlib.sha256(f"photos {photos.digest()}".encode()).hexdigest()
