"""The commands that train: at once, when it is time, and for a comparison only."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from vigie.cli.options import check_window, metrics_option, prometheus_option, seconds_of
from vigie.errors import ConfigurationError
from vigie.settings import load_settings

if TYPE_CHECKING:
    from vigie.monitoring.drift import Drift
    from vigie.recipes.catalogue import PhotoRecipe, Recipe
    from vigie.settings import Settings
    from vigie.training.photos.photo_set import PhotoSet
    from vigie.training.photos.plan import PhotoPlan
    from vigie.training.retraining import Limits, Occasion
    from vigie.training.steps import Steps

DRIFT, SCHEDULE = "drift", "schedule"

_recipe_argument = click.argument("recipe")
_data_option = click.option(
    "--data",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    help="A data file, which may be given several times; of photos a folder with one per label, "
    "or a CSV of path and label.",
)
_base_option = click.option("--base", help="Of photos: the pretrained network, by Keras' name.")
_weights_option = click.option(
    "--weights",
    metavar="FILE",
    help="Of photos: the weights of the base; `random` for tests. Else VIGIE_WEIGHTS, else Keras "
    "downloads them.",
)


@dataclass(frozen=True, slots=True)
class Training:
    """What is to be trained, as the options of a command say."""

    recipe: str
    data: tuple[Path, ...]
    epochs: int | None
    trials: int
    architecture: Literal["linear", "dense", "conv"] | None
    with_feedback: bool
    base: str | None = None
    weights: str | None = None
    quantize: bool = False

    def require_photos(self, photos: bool) -> None:
        """Refuses an option that is for recipes of the other kind."""
        of_tables = {
            "--trials": self.trials > 1,
            "--architecture": self.architecture,
            "--with-feedback": self.with_feedback,
        }
        of_photos = {"--base": self.base, "--weights": self.weights, "--quantize": self.quantize}
        wrong, kind = (of_tables, "tables") if photos else (of_photos, "photos")
        for name, given in wrong.items():
            if given:
                raise ConfigurationError(f"{name} is for recipes of {kind}; leave it out")


def _training_options(command: Callable[..., None]) -> Callable[..., None]:
    """The argument and options of a training, given to a command as one `Training`."""

    @wraps(command)
    def gathered(**given: Any) -> None:
        chosen = {name: given.pop(name) for name in Training.__dataclass_fields__}
        command(Training(**chosen), **given)

    options = (
        _recipe_argument,
        _data_option,
        click.option("--epochs", type=click.IntRange(1), help="Passes over the data."),
        click.option(
            "--trials", type=click.IntRange(1, 100), default=1, help="Networks to compare."
        ),
        click.option("--architecture", type=click.Choice(["linear", "dense", "conv"])),
        click.option(
            "--with-feedback",
            is_flag=True,
            help="Also learn from logged predictions whose truth is known.",
        ),
        _base_option,
        _weights_option,
        click.option(
            "--quantize",
            is_flag=True,
            help="Of photos: serve an int8 graph, where it costs at most a point of accuracy.",
        ),
    )
    for option in reversed(options):
        gathered = option(gathered)
    return gathered


@click.command(short_help="train a recipe; champion if it earns it")
@_training_options
def train(training: Training) -> None:
    """Train RECIPE, register it in MLflow, make it champion if it earns it.

    RECIPE is housing, iris, king_county, california, weather, fruits, or a YAML file.
    """
    from vigie.recipes.catalogue import find_recipe

    _run(training, find_recipe(training.recipe), load_settings())


@click.command(short_help="train if inputs have moved or the champion is old")
@_training_options
@click.option(
    "--when",
    type=click.Choice([DRIFT, SCHEDULE, f"{DRIFT} or {SCHEDULE}"]),
    default=f"{DRIFT} or {SCHEDULE}",
    show_default=True,
    help="What is an occasion.",
)
@click.option(
    "--psi",
    type=click.FloatRange(0, min_open=True),
    default=0.25,
    show_default=True,
    help="The largest drift that is borne.",
)
@prometheus_option
@click.option(
    "--window",
    default="24h",
    callback=check_window,
    show_default=True,
    help="With --prometheus: how far back. Always: the shortest time between two trainings "
    "for drift.",
)
@metrics_option
@click.option(
    "--every",
    default="7d",
    callback=check_window,
    show_default=True,
    help="The age of the champion at which the schedule is due.",
)
def retrain(
    training: Training,
    when: str,
    psi: float,
    prometheus: str | None,
    window: str,
    metrics: str | None,
    every: str,
) -> None:
    """Train RECIPE if it is time: its inputs have moved, or its champion is old. Then stop.

    The exit code is 0 where it trained and where there was nothing to do.
    """
    from vigie.monitoring.drift import current_drifts
    from vigie.recipes.catalogue import find_recipe
    from vigie.training.retraining import Limits

    settings = load_settings()
    recipe = find_recipe(training.recipe)
    limits = Limits(psi, seconds_of(window), seconds_of(every))
    name = recipe.spec.name
    drifts: list[Drift] | None = None
    if DRIFT in when:
        page = metrics or f"http://127.0.0.1:{settings.metrics_port}/metrics"
        drifts = [one for one in current_drifts(prometheus, window, page) if one.model == name]
    occasions = _occasions(settings, name, SCHEDULE in when, drifts, limits)
    for kind, occasion in occasions.items():
        click.echo(f"{kind}: {'' if occasion.due else 'not '}due: {occasion.reason}")
    if any(occasion.due for occasion in occasions.values()):
        _run(training, recipe, settings)


def _occasions(
    settings: Settings, name: str, scheduled: bool, drifts: list[Drift] | None, limits: Limits
) -> dict[str, Occasion]:
    """What speaks for and against a training now, by kind."""
    from vigie.registry.cache import CHAMPION
    from vigie.registry.client import RegistryClient
    from vigie.training.retraining import Registered, judge_drift, judge_schedule

    client = RegistryClient.of(settings)
    champion = client.version_of(name, CHAMPION)
    registered = Registered(client.versions(name), champion, time.time())
    found = {} if drifts is None else {DRIFT: judge_drift(registered, drifts, limits)}
    if scheduled:
        found[SCHEDULE] = judge_schedule(registered, limits)
    return found


@click.command()
def bootstrap() -> None:
    """Train the models that come with Vigie where the registry has no champion of them."""
    from vigie.recipes.shipped import missing_models
    from vigie.registry.operate import allow_reading

    settings = load_settings()
    allow_reading(settings)
    missing = missing_models(settings)
    if not missing:
        click.echo("nothing to train: the registry has every model that comes with Vigie")
    for name in missing:
        from vigie.recipes.catalogue import find_recipe

        click.echo(f"Training {name}")
        _run(Training(name, (), None, 1, None, False), find_recipe(name), settings)


def _run(training: Training, recipe: Recipe | PhotoRecipe, settings: Settings) -> None:
    from vigie.recipes.catalogue import PhotoRecipe

    photos = isinstance(recipe, PhotoRecipe)
    training.require_photos(photos)
    if isinstance(recipe, PhotoRecipe):
        _run_photos(training, recipe, settings)
    else:
        _run_table(training, recipe, settings)


def _run_photos(training: Training, recipe: PhotoRecipe, settings: Settings) -> None:
    from vigie.training.steps import Steps

    if training.quantize and recipe.spec.task == "embedding":
        raise ConfigurationError(
            "--quantize is judged by accuracy, which an embedding has none of; leave it out"
        )
    steps = Steps()
    photos = _load_photos(recipe, training.data, settings, steps)
    plan = _photo_plan(recipe, training.base)
    if training.epochs:
        head = replace(plan.head, epochs=training.epochs)
        plan = replace(plan, head=head, fine_tune_epochs=training.epochs)
    with steps.step("TensorFlow and MLflow"):
        from vigie.training.photos.embedding import train_embedding
        from vigie.training.photos.train import train_photos
        from vigie.training.train import summary_lines
    if plan.plan.task == "embedding":
        result = train_embedding(plan, photos, settings, steps, training.weights)
    else:
        result = train_photos(
            plan, photos, settings, steps, training.weights, quantize=training.quantize
        )
    for line in summary_lines(result, None):
        steps.say(line)


def _load_photos(
    recipe: PhotoRecipe, data: tuple[Path, ...], settings: Settings, steps: Steps
) -> PhotoSet:
    from vigie.models.document import text_in

    with steps.step("photos") as step:
        photos = recipe.load(data, settings, steps.say, step)
    for rule in photos.rules:
        if rule.dropped:
            steps.say(f"    {rule.name}: {rule.dropped} photos left out")
    labels = len(set(photos.labels.tolist()) - {""})
    source = text_in(photos.source, "en")
    steps.say(f"    {len(photos)} photos of {labels} labels: {source}")
    return photos


def _photo_plan(recipe: PhotoRecipe, base: str | None) -> PhotoPlan:
    plan = recipe.spec.plan()
    return replace(plan, base=base) if base else plan


def _run_table(training: Training, recipe: Recipe, settings: Settings) -> None:
    from vigie.models.document import text_in
    from vigie.training.steps import Steps

    steps = Steps()
    with steps.step("data"):
        dataset = recipe.load(training.data, settings, steps.say)
    rules = [*dataset.rules]
    feedback = None
    if training.with_feedback:
        from vigie.recipes.feedback import load_feedback

        with steps.step("feedback"):
            feedback = load_feedback(recipe, dataset, settings)
        rules += feedback.rules
    for rule in rules:
        if rule.dropped:
            steps.say(f"    {rule.name}: {rule.dropped} rows dropped")
    steps.say(f"    {len(dataset)} rows: {text_in(dataset.source, 'en')}")
    if feedback is not None:
        steps.say(f"    {len(feedback)} rows of feedback")
    plan = recipe.spec.plan()
    plan = replace(
        plan,
        epochs=training.epochs or plan.epochs,
        architecture=training.architecture or plan.architecture,
    )
    with steps.step("TensorFlow and MLflow"):
        from vigie.training.train import summary_lines
        from vigie.training.train import train as run
    result = run(plan, dataset, settings, steps, training.trials, feedback)
    for line in summary_lines(result, plan.target.unit):
        steps.say(line)


@click.command(short_help="cross-validate a recipe against the baselines")
@_recipe_argument
@_data_option
@click.option("--folds", type=click.IntRange(2, 20), default=5, show_default=True)
@click.option("--repeats", type=click.IntRange(1, 50), default=1, show_default=True)
@_base_option
@_weights_option
def evaluate(
    recipe: str,
    data: tuple[Path, ...],
    folds: int,
    repeats: int,
    base: str | None,
    weights: str | None,
) -> None:
    """Cross-validate RECIPE against the baselines; registers nothing."""
    from vigie.recipes.catalogue import PhotoRecipe, find_recipe
    from vigie.training.steps import Steps

    steps, settings = Steps(), load_settings()
    found = find_recipe(recipe)
    training = Training(recipe, data, None, 1, None, False, base, weights)
    training.require_photos(isinstance(found, PhotoRecipe))
    if isinstance(found, PhotoRecipe):
        if found.spec.task == "embedding":
            raise ConfigurationError("an embedding has no right and wrong answers to judge it by")
        photos = _load_photos(found, data, settings, steps)
        figures = _evaluate_photos(training, found, photos, settings, steps, folds, repeats)
    else:
        with steps.step("data"):
            dataset = found.load(data, settings, steps.say)
        from vigie.training.crossval import cross_validate, summarise

        with steps.step(f"{repeats} x {folds} folds") as step:
            results = cross_validate(found.spec.plan(), dataset, folds, repeats, step.advance)
        figures = summarise(results)
    for name, value in figures.items():
        click.echo(f"{name:<48} {value:>14,.4f}")


def _evaluate_photos(
    training: Training,
    recipe: PhotoRecipe,
    photos: PhotoSet,
    settings: Settings,
    steps: Steps,
    folds: int,
    repeats: int,
) -> dict[str, float]:
    from vigie.training.photos.crossval import cross_validate_photos, summarise_photos

    plan = _photo_plan(recipe, training.base)
    with steps.step(f"{repeats} x {folds} folds") as step:
        results = cross_validate_photos(
            plan, photos, settings, folds, repeats, step.advance, training.weights
        )
    return summarise_photos(results)
