"""The commands of a stack itself: its secrets, and the models that come with it."""

from __future__ import annotations

from pathlib import Path

import click

_folder = click.argument("folder", type=click.Path(file_okay=False, path_type=Path))


@click.group()
def stack() -> None:
    """What a stack does to itself."""


@stack.command()
@_folder
def prepare(folder: Path) -> None:
    """Make the secrets of the stack in FOLDER."""
    from vigie.cli.stack_secrets import prepare_secrets

    made = prepare_secrets(folder)
    click.echo(f"{made} secrets made" if made else "every secret is there")


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
