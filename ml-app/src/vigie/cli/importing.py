"""The commands that bring models in and take them out: `vigie import`, `vigie export`."""

from __future__ import annotations

from pathlib import Path

import click

from vigie.cli.options import check_model_name
from vigie.settings import load_settings


@click.command("import", short_help="register a Keras, ONNX, SavedModel or MLflow model")
@click.argument("path")
@click.option("--name", required=True, callback=check_model_name, help="Name of the model.")
@click.option("--title", help="Title for people.")
@click.option("--labels", help="Classes, comma-separated, in the order of the output.")
@click.option("--columns", help="Names for the numbers of one vector input, comma-separated.")
@click.option(
    "--examples",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A JSON list of rows; made up without it.",
)
@click.option("--task", type=click.Choice(["regression", "classification", "embedding"]))
def import_command(
    path: str,
    name: str,
    title: str | None,
    labels: str | None,
    columns: str | None,
    examples: Path | None,
    task: str | None,
) -> None:
    """Make a package of somebody else's model and register it.

    PATH is a .keras file, a .h5 file, an .onnx file, a SavedModel folder (local, gs:// or s3://),
    or models:/NAME/VERSION for a version that was logged to MLflow without Vigie.
    """
    from vigie.training.imported.importing import Wanted, import_model, read_examples, words

    rows = read_examples(examples) if examples else ()
    wanted = Wanted(name, title, task, words(labels), words(columns), rows)
    made = import_model(path, wanted, load_settings())
    click.echo(f"{name} version {made.version} is registered, served by {made.engine}")
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
