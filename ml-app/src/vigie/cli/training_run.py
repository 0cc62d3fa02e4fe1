"""One training, of a table or of photos: what is asked for, and how it goes, told step by step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vigie.errors import ConfigurationError

if TYPE_CHECKING:
    from vigie.recipes.catalogue import PhotoRecipe, Recipe
    from vigie.settings import Settings
    from vigie.training.dataset import Dataset
    from vigie.training.photos.photo_set import PhotoSet
    from vigie.training.photos.plan import PhotoPlan
    from vigie.training.steps import Steps


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


def run_training(training: Training, recipe: Recipe | PhotoRecipe, settings: Settings) -> None:
    """Trains and registers, and says each step; refuses options of the other kind of recipe."""
    from vigie.recipes.catalogue import PhotoRecipe

    training.require_photos(isinstance(recipe, PhotoRecipe))
    if isinstance(recipe, PhotoRecipe):
        _run_photos(training, recipe, settings)
    else:
        _run_table(training, recipe, settings)


def cross_validate(
    training: Training,
    recipe: Recipe | PhotoRecipe,
    settings: Settings,
    folds: int,
    repeats: int,
) -> dict[str, float]:
    """The figures of the network and of the baselines, by name; registers nothing."""
    from vigie.recipes.catalogue import PhotoRecipe

    training.require_photos(isinstance(recipe, PhotoRecipe))
    if isinstance(recipe, PhotoRecipe):
        return _cross_validate_photos(training, recipe, settings, folds, repeats)
    return _cross_validate_table(training, recipe, settings, folds, repeats)


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
    from vigie.models.text import text_in

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
    from vigie.training.steps import Steps

    steps = Steps()
    dataset, feedback = _load_table(training, recipe, settings, steps)
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


def _load_table(
    training: Training, recipe: Recipe, settings: Settings, steps: Steps
) -> tuple[Dataset, Dataset | None]:
    """The rows of the data and, where it is wanted, those of feedback."""
    from vigie.models.text import text_in

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
    return dataset, feedback


def _cross_validate_photos(
    training: Training, recipe: PhotoRecipe, settings: Settings, folds: int, repeats: int
) -> dict[str, float]:
    from vigie.training.steps import Steps

    if recipe.spec.task == "embedding":
        raise ConfigurationError("an embedding has no right and wrong answers to judge it by")
    steps = Steps()
    photos = _load_photos(recipe, training.data, settings, steps)
    from vigie.training.photos.crossval import cross_validate_photos, summarise_photos

    plan = _photo_plan(recipe, training.base)
    with steps.step(f"{repeats} x {folds} folds") as step:
        results = cross_validate_photos(
            plan, photos, settings, folds, repeats, step.advance, training.weights
        )
    return summarise_photos(results)


def _cross_validate_table(
    training: Training, recipe: Recipe, settings: Settings, folds: int, repeats: int
) -> dict[str, float]:
    from vigie.training.steps import Steps

    steps = Steps()
    with steps.step("data"):
        dataset = recipe.load(training.data, settings, steps.say)
    from vigie.training import crossval

    with steps.step(f"{repeats} x {folds} folds") as step:
        results = crossval.cross_validate(recipe.spec.plan(), dataset, folds, repeats, step.advance)
    return crossval.summarise(results)
