"""The main job: fit, evaluate, publish, promote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from vigie.errors import DataError
from vigie.registry.tags import shown
from vigie.training.baselines import predict_baselines
from vigie.training.dataset import split
from vigie.training.evaluation import evaluate, main_error, score
from vigie.training.model_card import model_card
from vigie.training.network import KerasNetwork
from vigie.training.packaging import Trained, source_revision
from vigie.training.publishing import Judged, Publication, check_signing_key
from vigie.training.report import write_plots
from vigie.training.tracking import Tracking
from vigie.training.trials import calibrate, fit_trial, predict, trials_of

if TYPE_CHECKING:
    from vigie.registry.gate.comparison import Comparison
    from vigie.settings import Settings
    from vigie.training.dataset import Dataset
    from vigie.training.evaluation import Evaluation
    from vigie.training.plan import Plan
    from vigie.training.publishing import Published
    from vigie.training.steps import Steps
    from vigie.training.trials import FittedTrial, Trial

FEWEST_HELD_OUT = 10


@dataclass(frozen=True)
class TrainingResult:
    """A registered version: its number, digest, figures on held-out rows, and how it compares."""

    name: str
    version: str
    digest: str
    metrics: Mapping[str, float]
    baselines: Mapping[str, float]
    comparison: Comparison


def train(
    plan: Plan,
    dataset: Dataset,
    settings: Settings,
    steps: Steps,
    trials: int = 1,
    feedback: Dataset | None = None,
) -> TrainingResult:
    """Trains one model and registers it; it becomes champion where the gate lets it.

    Rows of `feedback` are learnt from and never held out: the held-out rows are those of `dataset`.
    """
    run = TrainingRun(plan, dataset, settings, steps, feedback)
    with run.tracking.run(f"{plan.name} {run.started:%Y-%m-%d %H:%M}") as run_id:
        run.log_data()
        baselines = run.score_baselines()
        best = run.fit(trials)
        evaluation = run.evaluate(best)
        published = run.publish(best, evaluation, baselines, run_id)
    return TrainingResult(
        plan.name,
        published.version,
        published.digest,
        evaluation.metrics,
        baselines,
        published.comparison,
    )


class TrainingRun:
    """One training: its plan, its rows on both sides of the split, and the run it is logged in.

    The steps are called in the order in which they stand here, inside a run of `tracking`.
    """

    def __init__(
        self,
        plan: Plan,
        dataset: Dataset,
        settings: Settings,
        steps: Steps,
        feedback: Dataset | None = None,
    ) -> None:
        training, held_out = split(dataset)
        if len(held_out) < FEWEST_HELD_OUT:
            raise DataError(f"only {len(held_out)} rows are held out, {FEWEST_HELD_OUT} are needed")
        check_signing_key(settings)
        self._dataset = dataset
        self._feedback = feedback
        self._training = training if feedback is None else training.plus(feedback)
        self._plan = plan.fitted_to(self._training)
        self._rows_held_out = held_out.rows_sha256()
        self._held_out = _answerable(self._plan, held_out)
        self._labels = self._plan.labels(self._training)
        self._settings = settings
        self._steps = steps
        self.tracking = Tracking(settings, plan.name)
        self.started = datetime.now(UTC)

    def log_data(self) -> None:
        """Logs what is trained on and what is held out."""
        self.tracking.log_split(self._plan, self._dataset, self._training, self._held_out)
        if self._feedback is not None:
            self.tracking.log_feedback(self._feedback)

    def score_baselines(self) -> dict[str, float]:
        """The error of each baseline on the held-out rows."""
        task, errors = self._plan.task, {}
        with self._steps.step("baselines"):
            answers = predict_baselines(self._plan, self._training, self._held_out)
            for name, predicted in answers.items():
                figures = score(task, predicted, self._held_out.target)
                self.tracking.log_metrics(
                    {f"baseline.{name}.{key}": value for key, value in figures.items()}
                )
                errors[name] = main_error(task, figures)
        return errors

    def fit(self, count: int) -> FittedTrial:
        """The best of `count` trials by its error on rows that its members did not learn from."""
        trials = trials_of(self._plan, len(self._training), count)
        if count == 1:
            best = self._fit_one(f"network ({trials[0].architecture})", trials[0])
        else:
            best = min(
                (
                    self._fit_nested(f"trial {number} of {count}: {trial.architecture}", trial)
                    for number, trial in enumerate(trials, start=1)
                ),
                key=lambda candidate: candidate.error,
            )
        self.tracking.log_parameters(best.trial.parameters())
        self.tracking.log_metrics({"validation_error": best.error})
        return best

    def _fit_one(self, title: str, trial: Trial) -> FittedTrial:
        with self._steps.step(title) as step:
            return fit_trial(self._plan, trial, self._training, self._labels, step.advance)

    def _fit_nested(self, title: str, trial: Trial) -> FittedTrial:
        """A trial of many, with an MLflow run of its own."""
        candidate = self._fit_one(title, trial)
        with self.tracking.run(title, nested=True):
            self.tracking.log_parameters(trial.parameters())
            self.tracking.log_history(candidate.fitted.history)
            self.tracking.log_metrics({"validation_error": candidate.error})
        return candidate

    def evaluate(self, best: FittedTrial) -> Evaluation:
        """The answers to the held-out rows, with their figures and interval."""
        plan, fitted = self._plan, best.fitted
        with self._steps.step("evaluation"):
            predicted = predict(plan, fitted.model, self._held_out, self._labels)
            evaluation = evaluate(plan, self._held_out, predicted, calibrate(plan, fitted))
            self.tracking.log_metrics(evaluation.metrics)
            self.tracking.log_history(fitted.history)
        return evaluation

    def publish(
        self,
        best: FittedTrial,
        evaluation: Evaluation,
        baselines: dict[str, float],
        run_id: str,
    ) -> Published:
        """Logs plots and model card; registers the package and asks the gate."""
        trained = self._trained(best, evaluation)
        held_out = self._held_out
        with self._steps.step("plots and model card"), self.tracking.artifacts() as folder:
            write_plots(folder, trained.plan, best.fitted.history, held_out, evaluation)
            card = model_card(trained, baselines, evaluation, len(held_out))
            (folder / "model_card.md").write_text(card, encoding="utf-8")
        judged = Judged(evaluation.error, baselines, held_out, self._rows_held_out)
        publication = Publication(self._settings, self.tracking, self._steps)
        return publication.publish(trained, judged, run_id)

    def _trained(self, best: FittedTrial, evaluation: Evaluation) -> Trained:
        plan = replace(self._plan, architecture=best.trial.architecture)
        return Trained(
            plan=plan,
            network=KerasNetwork(best.fitted.model, plan.inputs),
            training=self._training,
            held_out=self._held_out.spread(self._settings.held_out_rows),
            interval=evaluation.interval,
            labels=self._labels,
            metrics=evaluation.metrics,
            revision=source_revision(),
            trained_at=self.started.isoformat(timespec="seconds"),
            feedback_rows=0 if self._feedback is None else len(self._feedback),
            kind=f"{plan.architecture} Keras network",
        )


def _answerable(plan: Plan, held_out: Dataset) -> Dataset:
    """Held-out rows with the plan's inputs only: the package cannot take any other."""
    names = [item.name for item in plan.inputs]
    return replace(held_out, columns={name: held_out.columns[name] for name in names})


_OF_VECTORS = {
    "nearest_accuracy": "the most alike reference row has the right label:",
    "explained_variance_held_out": "variance that the components keep:",
}


def summary_lines(result: TrainingResult, unit: str | None) -> list[str]:
    """What a person wants to know at the end of a training."""
    error = result.metrics.get("mae")
    lines = []
    if error is not None:
        in_unit = f" {unit}" if unit else ""
        lines.append(f"  mean absolute error {shown(error)}{in_unit} on held-out rows")
        lines += [f"    {name}: {shown(value)}" for name, value in result.baselines.items()]
    elif "accuracy" in result.metrics:
        lines.append(f"  accuracy {result.metrics['accuracy']:.3f} on held-out rows")
        lines += [f"    {name}: {1 - value:.3f}" for name, value in result.baselines.items()]
    for name, told in _OF_VECTORS.items():
        if name in result.metrics:
            lines.append(f"  {told} {result.metrics[name]:.3f} on held-out rows")
    if "interval_coverage" in result.metrics:
        lines.append(f"  interval holds {result.metrics['interval_coverage']:.1%} of the truths")
    found = result.comparison
    outcome = "champion" if found.promote else "not promoted"
    lines.append(f"  {result.name} version {result.version}: {outcome} ({found.reason})")
    return lines
