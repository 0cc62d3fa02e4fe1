"""The command that fetches the data of a recipe."""

from __future__ import annotations

from pathlib import Path

import click

from vigie.settings import load_settings

WEATHER = "weather"


@click.command(short_help="download the photos of a recipe")
@click.argument("recipe", type=click.Choice([WEATHER]))
@click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder that the photos go to; else one in the folder of the data.",
)
def fetch(recipe: str, to: Path | None) -> None:
    """Download the photos of RECIPE into a folder per label, for `vigie train --data`."""
    from vigie.recipes.weather.download import fetch_weather

    target = to or load_settings().data / recipe
    count = fetch_weather(target, click.echo)
    click.echo(f"{count} photos: vigie train {recipe} --data {target}")
