"""The commands of a stack itself: its secrets, and the models that come with it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from vigie.errors import ConfigurationError

_folder = click.argument("folder", type=click.Path(file_okay=False, path_type=Path))


@click.group()
def stack() -> None:
    """What a stack does to itself."""


@stack.command()
@_folder
@click.option(
    "--part",
    envvar="SECRETS_PART",
    type=click.Path(path_type=Path),
    help="Where the folder `postgres` of FOLDER is mounted as services mount theirs.",
)
def prepare(folder: Path, part: Path | None) -> None:
    """Make the secrets of the stack in FOLDER."""
    from vigie.cli.stack_secrets import prepare_secrets, require_part

    if part:
        require_part(folder, part)
    made = prepare_secrets(folder)
    click.echo(f"{made} secrets made" if made else "every secret is there")


@stack.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check_settings(file: Path) -> None:
    """Name what is wrong in the .env FILE of a stack, given its rendered configuration as input."""
    from dotenv import dotenv_values

    from vigie.cli.stack_settings import lines_without_effect, wrong_lines

    lines = {name: text or "" for name, text in dotenv_values(file).items()}
    services = json.load(sys.stdin)["services"]
    for sentence in lines_without_effect(lines, services):
        click.secho(f".env: {sentence}", fg="yellow", err=True)
    wrong = wrong_lines(lines)
    if wrong:
        raise ConfigurationError(f".env: {'; '.join(wrong)}")


@stack.command()
def prepare_cluster() -> None:
    """Make the secrets of a stack on Kubernetes, in the namespace of this pod."""
    from vigie.cli.cluster_secrets import ClusterSecrets, prepare_in_cluster

    made = prepare_in_cluster(ClusterSecrets())
    click.echo(f"{made} secrets made" if made else "every secret is there")


@stack.command()
@_folder
@click.argument("name")
def login(folder: Path, name: str) -> None:
    """Show account and password of NAME: mlflow or grafana."""
    from vigie.cli.stack_secrets import read_login

    user, password = read_login(folder, name)
    click.echo(f"{user} {password}")
