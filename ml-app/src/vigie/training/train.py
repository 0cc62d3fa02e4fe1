"""The main job: fit, compare, package, register, promote."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from vigie.errors import DataError, RegistryError
from vigie.models.document import best_labels
from vigie.models.interval import Interval
from vigie.models.signing import load_private_key, sign_package
from vigie.registry.cache import CHAMPION
from vigie.registry.client import RegistryClient
from vigie.registry.gate.comparison import Comparison
from vigie.registry.operate import OperatorClient
from vigie.registry.promotion import Promotions
from vigie.registry.tags import GENERATED, figures_tags
from vigie.settings import Settings
from vigie.training.baselines import predict_baselines
from vigie.training.card import model_card
from vigie.training.comparison import compare_trained
from vigie.training.dataset import Dataset, split
from vigie.training.evaluation import (
    coverage,
    error_by_slice,
    errors_of,
    main_error,
    main_metric,
    score,
)
from vigie.training.export import predict_keras
from vigie.training.features import network_columns
from vigie.training.fit import Fitted
from vigie.training.packaging import Trained, write_package
from vigie.training.plan import Plan
from vigie.training.report import write_plots
from vigie.training.steps import Steps
from vigie.training.tracking import Tracking
from vigie.training.trials import FittedTrial, fit_trial, trials_of

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


@dataclass(frozen=True)
class _Evaluated:
    """What a fitted network answers for the held-out rows, and how good that is."""

    predicted: np.ndarray
    interval: Interval | None
    metrics: dict[str, float]
    slices: list[dict[str, object]]


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
    training, held_out = split(dataset)
    if len(held_out) < FEWEST_HELD_OUT:
        raise DataError(f"only {len(held_out)} rows are held out, {FEWEST_HELD_OUT} are needed")
    # before the work: a key that cannot be read would cost a training
    key = load_private_key(settings.signing_key) if settings.signing_key else None
    rows_held_out = held_out.rows_sha256()
    if feedback is not None:
        training = training.plus(feedback)
    plan = plan.fitted_to(training)
    held_out = _answerable(plan, held_out)
    labels = _labels(plan, training)
    tracking = Tracking(settings, plan.name)
    started = datetime.now(UTC)
    with tracking.run(f"{plan.name} {started:%Y-%m-%d %H:%M}") as run_id:
        _log_inputs(tracking, plan, dataset, training, held_out)
        _log_feedback(tracking, feedback)
        with steps.step("baselines"):
            baselines = _score_baselines(plan, training, held_out, tracking)
        best = _fit_trials(plan, training, labels, trials, steps, tracking)
        plan, fitted = replace(plan, architecture=best.trial.architecture), best.fitted
        with steps.step("evaluation"):
            evaluated = _evaluate(plan, fitted, held_out, labels)
            tracking.log_metrics(evaluated.metrics)
            tracking.log_history(fitted.history)
        trained = Trained(
            plan, fitted.model, training, held_out.spread(settings.held_out_rows),
            evaluated.interval, labels, evaluated.metrics,
            _revision(), started.isoformat(timespec="seconds"),
            0 if feedback is None else len(feedback),
        )  # fmt: skip
        with steps.step("plots and model card"), tracking.artifacts() as folder:
            write_plots(folder, plan, fitted, held_out, evaluated.predicted, evaluated.slices)
            (folder / "model_card.md").write_text(
                model_card(trained, baselines, evaluated.slices, len(held_out)), encoding="utf-8"
            )
        with steps.step("package and registration"), tempfile.TemporaryDirectory() as folder_name:
            model = tracking.new_model(plan.name, run_id)
            digest = write_package(trained, Path(folder_name) / "package", model)
            if key is not None:
                sign_package(Path(folder_name) / "package", key)
            error = main_error(plan.task, evaluated.metrics)
            tags = {
                "vigie.data_sha256": training.sha256,
                GENERATED: str(dataset.generated),
                **figures_tags(main_metric(plan.task), error, rows_held_out),
            }
            version = tracking.register(
                model, Path(folder_name) / "package", plan.name, digest, tags
            )
        with steps.step("gate"):
            comparison = _compare(plan, error, baselines, held_out, settings)
            tracking.tag_version(plan.name, version, {"vigie.verdict": comparison.reason})
            tracking.log_tags({"vigie.promoted": str(comparison.promote).lower()})
            if comparison.promote:
                _promote(plan.name, version, comparison, settings)
    return TrainingResult(plan.name, version, digest, evaluated.metrics, baselines, comparison)


def _answerable(plan: Plan, held_out: Dataset) -> Dataset:
    """Held-out rows with the plan's inputs only: one that training never saw has no place."""
    names = [item.name for item in plan.inputs]
    return replace(held_out, columns={name: held_out.columns[name] for name in names})


def _labels(plan: Plan, training: Dataset) -> tuple[str, ...]:
    if plan.task != "classification":
        return ()
    return tuple(sorted({str(label) for label in training.target}))


def _log_inputs(
    tracking: Tracking, plan: Plan, dataset: Dataset, training: Dataset, held_out: Dataset
) -> None:
    source = dataset.source if isinstance(dataset.source, str) else dataset.source["en"]
    tracking.log_parameters(
        {
            "recipe": plan.name,
            "data.source": source,
            "data.sha256": dataset.sha256,
            "data.generated": dataset.generated,
            "rows.training": len(training),
            "rows.held_out": len(held_out),
            "inputs": ", ".join(item.name for item in plan.inputs),
            "seed": plan.seed,
        }
    )
    tracking.log_metrics(_dropped(dataset) | {"rows": float(len(dataset))})
    tracking.log_dataset(training, "training", plan.target.name)
    tracking.log_dataset(held_out, "evaluation", plan.target.name)
    tracking.log_text("\n".join(["id", *held_out.ids]) + "\n", "held_out_ids.csv")


def _log_feedback(tracking: Tracking, feedback: Dataset | None) -> None:
    if feedback is not None:
        tracking.log_parameters(
            {"feedback.rows": len(feedback), "feedback.sha256": feedback.sha256}
        )
        tracking.log_metrics(_dropped(feedback))


def _dropped(dataset: Dataset) -> dict[str, float]:
    return {f"dropped.{_metric_name(rule.name)}": float(rule.dropped) for rule in dataset.rules}


def _metric_name(text: str) -> str:
    return "".join(c if c.isalnum() or c in "_-. " else "_" for c in text)


def _score_baselines(
    plan: Plan, training: Dataset, held_out: Dataset, tracking: Tracking
) -> dict[str, float]:
    errors = {}
    for name, predicted in predict_baselines(plan, training, held_out).items():
        figures = score(plan.task, predicted, held_out.target)
        tracking.log_metrics({f"baseline.{name}.{key}": value for key, value in figures.items()})
        errors[name] = main_error(plan.task, figures)
    return errors


def _fit_trials(
    plan: Plan,
    training: Dataset,
    labels: tuple[str, ...],
    count: int,
    steps: Steps,
    tracking: Tracking,
) -> FittedTrial:
    """The best of the trials by its error on rows that its members did not learn from."""
    fitted: list[FittedTrial] = []
    for number, trial in enumerate(trials_of(plan, len(training), count), start=1):
        title = f"network ({trial.architecture})"
        if count > 1:
            title = f"trial {number} of {count}: {trial.architecture}"
        with steps.step(title) as step:
            fitted.append(fit_trial(plan, trial, training, labels, step.advance))
        if count > 1:
            with tracking.run(title, nested=True):
                tracking.log_parameters(trial.parameters())
                tracking.log_history(fitted[-1].fitted.history)
                tracking.log_metrics({"validation_error": fitted[-1].error})
    best = min(fitted, key=lambda candidate: candidate.error)
    tracking.log_parameters(best.trial.parameters())
    tracking.log_metrics({"validation_error": best.error})
    return best


def _evaluate(plan: Plan, fitted: Fitted, held_out: Dataset, labels: tuple[str, ...]) -> _Evaluated:
    answers = predict_keras(fitted.model, network_columns(plan.inputs, held_out))
    values = answers[fitted.model.output_names[0]]
    interval = None
    if labels:
        predicted = np.array(best_labels(labels, values), object)
        metrics = score(plan.task, predicted, held_out.target)
    else:
        predicted = values.reshape(-1).astype(np.float64)
        metrics = score(plan.task, predicted, held_out.target)
        interval = _calibrate(plan, fitted)
        if interval is not None:
            lower, upper = interval.bounds(predicted)
            metrics |= coverage(lower, upper, held_out.target)
    errors = errors_of(plan.task, predicted, held_out.target)
    return _Evaluated(predicted, interval, metrics, error_by_slice(held_out, plan.slices, errors))


def _calibrate(plan: Plan, fitted: Fitted) -> Interval | None:
    if plan.interval_level is None:
        return None
    return Interval.calibrate(fitted.predicted, fitted.actual, plan.interval_level)


def _compare(
    plan: Plan, error: float, baselines: dict[str, float], held_out: Dataset, settings: Settings
) -> Comparison:
    client = RegistryClient.of(settings)
    champion = client.version_of(plan.name, CHAMPION)
    return compare_trained(plan.task, error, baselines, champion, held_out, settings)


def _promote(name: str, number: str, comparison: Comparison, settings: Settings) -> None:
    client = OperatorClient.of(settings)
    candidate = client.version(name, number)
    if candidate is None:
        raise RegistryError(f"MLflow lost version {number} of {name}")
    champion = client.version_of(name, CHAMPION)
    Promotions(settings, client).move(candidate, champion, f"training: {comparison.reason}")


def _revision() -> str | None:
    """The revision of the source, where it is a git checkout."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"],  # noqa: S607
            cwd=Path(__file__).parent, capture_output=True, text=True, check=True, timeout=5,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def summary_lines(result: TrainingResult, unit: str | None) -> list[str]:
    """What a person wants to know at the end of a training."""
    error = result.metrics.get("mae")
    lines = []
    if error is not None:
        lines.append(f"  mean absolute error {error:,.0f} {unit or ''} on held-out rows")
        lines += [f"    {name}: {value:,.0f}" for name, value in result.baselines.items()]
    else:
        lines.append(f"  accuracy {result.metrics['accuracy']:.3f} on held-out rows")
        lines += [f"    {name}: {1 - value:.3f}" for name, value in result.baselines.items()]
    if "interval_coverage" in result.metrics:
        lines.append(f"  interval holds {result.metrics['interval_coverage']:.1%} of the truths")
    found = result.comparison
    outcome = "champion" if found.promote else "not promoted"
    lines.append(f"  {result.name} version {result.version}: {outcome} ({found.reason})")
    return lines
