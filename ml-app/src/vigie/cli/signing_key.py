"""The command for the keys that sign packages: `vigie signing-key new`."""

from __future__ import annotations

from pathlib import Path

import click


@click.group("signing-key")
def signing_key() -> None:
    """Make keys that sign packages."""


@signing_key.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def new(file: Path) -> None:
    """Make a private key FILE and its public key FILE.pub."""
    from vigie.models.signing import new_keys

    public = new_keys(file)
    click.echo(f"{file}: the private key, for VIGIE_SIGNING_KEY where models are trained")
    click.echo(f"{public}: the public key, for VIGIE_PUBLIC_KEYS where they are served")
