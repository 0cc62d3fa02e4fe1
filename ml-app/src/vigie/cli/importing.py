"""The commands that bring models in and take them out: `vigie import`, `vigie export`."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vigie.cli.options import check_model_name
from vigie.settings import load_settings

if TYPE_CHECKING:
    from vigie.training.imported.importing import Imported, MissingStatement, Wanted
    from vigie.training.imported.photos import PhotoOptions

_FILTERS = ("nearest", "bilinear", "bicubic", "lanczos")


@click.command("import", short_help="register a Keras, ONNX, SavedModel or MLflow model")
@click.argument("path")
@click.option("--name", required=True, callback=check_model_name, help="Name of the model.")
@click.option("--title", help="Title for people.")
@click.option(
    "--labels", help="Classes, comma-separated, in the order of the output; or a file of them."
)
@click.option("--columns", help="Names for the numbers of one vector input, comma-separated.")
@click.option(
    "--examples",
    type=click.Path(exists=True, path_type=Path),
    help="A JSON list of rows, or a folder of photos; made up without it.",
)
@click.option("--signature", help="Of a SavedModel: another signature than serving_default.")
@click.option("--task", type=click.Choice(["regression", "classification", "embedding"]))
@click.option("--scaling", help="How a model of photos takes pixels: none, unit, symmetric, …")
@click.option("--scale", help="Instead: pixels times this number, or three, …")
@click.option("--offset", help="… and this number, or three, added.")
@click.option("--size", help="Height and width of photos, 224x224, where the model leaves it open.")
@click.option("--resize", type=click.Choice(_FILTERS), help="How photos get that size: bilinear.")
@click.option("--fit", type=click.Choice(["stretch", "crop", "pad"]), help="And how they fill it.")
@click.option("--as-numbers", is_flag=True, help="Keep an input of numbers; take no photos.")
@click.pass_context
def import_command(
    context: click.Context,
    path: str,
    name: str,
    title: str | None,
    labels: str | None,
    columns: str | None,
    examples: Path | None,
    signature: str | None,
    task: str | None,
    scaling: str | None,
    scale: str | None,
    offset: str | None,
    size: str | None,
    resize: str | None,
    fit: str | None,
    as_numbers: bool,
) -> None:
    """Make a package of somebody else's model and register it.

    PATH is a .keras file, a .h5 file, an .onnx file, a SavedModel folder (local, gs:// or s3://),
    or models:/NAME/VERSION for a version that was logged to MLflow without Vigie.
    """
    from vigie.training.imported.importing import MissingStatement, Wanted, read_examples, words
    from vigie.training.imported.labels import read_labels
    from vigie.training.imported.scaling import scaling_of

    rows = read_examples(examples) if examples else ()
    options = _photo_options(size, resize, fit, as_numbers)
    options = replace(options, scaling=scaling_of(scaling, scale, offset))
    wanted = Wanted(
        name, title, task, read_labels(labels), words(columns), rows, options, signature
    )
    try:
        made = _import(path, wanted)
    except MissingStatement as missing:
        _tell(missing, context)
        context.exit(2)
    _report(name, made)


def _photo_options(
    size: str | None, resize: str | None, fit: str | None, as_numbers: bool
) -> PhotoOptions:
    """What is said of photos but their scaling."""
    from vigie.models.model_input import Resize
    from vigie.training.imported.photos import PhotoOptions, size_of

    given = {"filter": resize, "fit": fit}
    said = {key: value for key, value in given.items() if value}
    return PhotoOptions(
        None, size_of(size), Resize.model_validate(said) if said else None, as_numbers
    )


def _import(path: str, wanted: Wanted) -> Imported:
    """The import; where people sit at a terminal, they are asked what must be said."""
    from vigie.training.imported.importing import MissingStatement, import_model

    settings = load_settings()
    try:
        return import_model(path, wanted, settings)
    except MissingStatement as missing:
        if not _at_terminal():
            raise
        return import_model(path, replace(wanted, photos=_asked(missing, wanted.photos)), settings)


def _at_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _asked(missing: MissingStatement, options: PhotoOptions) -> PhotoOptions:
    from vigie.training.imported.photos import size_of
    from vigie.training.imported.scaling import NAMED

    question = missing.question
    click.echo(f"{missing}.", err=True)
    if question.size is None:
        size = size_of(click.prompt("Height and width of photos", default="224x224", err=True))
        options = replace(options, size=size)
    if question.wants_scaling:
        for named in NAMED.values():
            click.echo(f"  {named.name:<15} {named.what}", err=True)
        proposed = question.finding.name if question.finding else None
        chosen = click.prompt("Scaling", type=click.Choice([*NAMED]), default=proposed, err=True)
        options = replace(options, scaling=NAMED[chosen])
    return options


def _tell(missing: MissingStatement, context: click.Context) -> None:
    """What must be said, and the command that says it."""
    from vigie.training.imported.scaling import NAMED

    question, options = missing.question, []
    if question.size is None:
        options += ["--size", "224x224"]
    if question.wants_scaling:
        options += ["--scaling", question.finding.name if question.finding else "SCALING"]
    click.secho(f"vigie: {missing}. State it:", fg="red", err=True)
    click.echo(f"  {_command(context)} {' '.join(options)}", err=True)
    if question.wants_scaling:
        click.echo("Scalings of pixels, and what the model then takes:", err=True)
        for named in NAMED.values():
            click.echo(f"  {named.name:<15} {named.what}", err=True)
        click.echo("  or --scale and --offset; --as-numbers takes no photos", err=True)


def _command(context: click.Context) -> str:
    """The command as it was typed."""
    words = ["vigie", "import"]
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        if isinstance(parameter, click.Argument):
            words.append(str(value))
        elif value is True:
            words.append(parameter.opts[0])
        elif value:
            words += [parameter.opts[0], str(value)]
    return shlex.join(words)


def _report(name: str, made: Imported) -> None:
    click.echo(f"{name} version {made.version} is registered, served by {made.engine}")
    if made.scaling:
        click.echo(f"  {made.scaling}")
    if made.problem:
        click.echo(f"  no ONNX: {made.problem}; it needs the TensorFlow engine")
    else:
        click.echo(f"  largest difference from the original: {made.difference:.1e}")
    if made.note:
        click.echo(f"  {made.note}")
    if made.champion:
        click.echo("  it is the champion")
    else:
        click.echo(
            "  another version is the champion; to change that: "
            f"vigie promote {name} --version {made.version} --force"
        )


@click.command("export", short_help="write the champion for TensorFlow Serving")
@click.argument("model")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def export_command(model: str, folder: Path) -> None:
    """Write the champion of MODEL for TensorFlow Serving, as FOLDER/<version>/."""
    from vigie.training.saved_model import export_champion

    click.echo(f"written: {export_champion(model, folder, load_settings())}")
