"""The command that answers a whole table: `vigie batch`."""

from __future__ import annotations

from pathlib import Path

import click

from vigie.errors import NotFound
from vigie.settings import load_settings


@click.command(short_help="answer each row of a CSV file")
@click.argument("model")
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
def batch(model: str, source: Path, target: Path) -> None:
    """Answer each row of the CSV file SOURCE with MODEL, into TARGET.

    Takes the champion of the cache and needs no service. Ends with 1 where rows were refused; they
    are in TARGET too, with the reason.
    """
    from vigie.batch.table import score_table
    from vigie.engines.predictor import open_predictor
    from vigie.models.package import read_package
    from vigie.registry.cache import ModelCache
    from vigie.settings import usable_cores

    settings = load_settings()
    cached = ModelCache(settings.cache).champion(model)
    if cached is None:
        raise NotFound(f"the cache has no {model}; `vigie follow --once` fetches the champions")
    package = read_package(cached.root, cached.digest)
    score = score_table(open_predictor(package, settings.engine, usable_cores()), source, target)
    click.echo(f"{model} {cached.version}: {score.answered} rows answered, {score.refused} refused")
    if score.refused:
        raise click.exceptions.Exit(1)
