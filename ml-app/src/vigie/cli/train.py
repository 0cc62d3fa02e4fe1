"""The commands that train: at once, when it is time, and for a comparison only."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vigie.cli.options import check_window, metrics_option, prometheus_option, seconds_of
from vigie.cli.training_run import Training, cross_validate, run_training
from vigie.settings import load_settings

if TYPE_CHECKING:
    from vigie.monitoring.drift import Drift
    from vigie.settings import Settings
    from vigie.training.retraining import Limits, Occasion

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

    RECIPE is housing, iris, king_county, california, weather, or a YAML file.
    """
    from vigie.recipes.catalogue import find_recipe

    run_training(training, find_recipe(training.recipe), load_settings())


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
        run_training(training, recipe, settings)


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
        run_training(Training(name, (), None, 1, None, False), find_recipe(name), settings)


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
    from vigie.recipes.catalogue import find_recipe

    training = Training(recipe, data, None, 1, None, False, base, weights)
    figures = cross_validate(training, find_recipe(recipe), load_settings(), folds, repeats)
    for name, value in figures.items():
        click.echo(f"{name:<48} {value:>14,.4f}")
