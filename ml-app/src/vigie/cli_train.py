"""The commands that train: at once, and for a comparison only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from vigie.settings import Settings, load_settings

if TYPE_CHECKING:
    from vigie.recipes.catalogue import Recipe

_recipe_argument = click.argument("recipe")
_data_option = click.option(
    "--data",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="A data file; may be given several times.",
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
    )
    for option in reversed(options):
        gathered = option(gathered)
    return gathered


@click.command()
@_training_options
def train(training: Training) -> None:
    """Train RECIPE, register it in MLflow, make it champion if it earns it.

    RECIPE is housing, iris, king_county, california, or a YAML file.
    """
    from vigie.recipes.catalogue import find_recipe

    _run(training, find_recipe(training.recipe), load_settings())


def _run(training: Training, recipe: Recipe, settings: Settings) -> None:
    from vigie.models.document import text_in
    from vigie.training.steps import Steps

    steps = Steps()
    with steps.step("data"):
        dataset = recipe.load(recipe.spec, training.data, steps.say)
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


@click.command()
@_recipe_argument
@_data_option
@click.option("--folds", type=click.IntRange(2, 20), default=5, show_default=True)
@click.option("--repeats", type=click.IntRange(1, 50), default=1, show_default=True)
def evaluate(recipe: str, data: tuple[Path, ...], folds: int, repeats: int) -> None:
    """Cross-validate RECIPE against the baselines; registers nothing."""
    from vigie.recipes.catalogue import find_recipe
    from vigie.training.steps import Steps

    steps = Steps()
    found = find_recipe(recipe)
    with steps.step("data"):
        dataset = found.load(found.spec, data, steps.say)
    from vigie.training.crossval import cross_validate, summarise

    with steps.step(f"{repeats} x {folds} folds") as step:
        results = cross_validate(found.spec.plan(), dataset, folds, repeats, step.advance)
    for name, value in summarise(results).items():
        click.echo(f"{name:<48} {value:>14,.4f}")


TRAIN_COMMANDS = (train, evaluate)
