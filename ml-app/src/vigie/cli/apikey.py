"""The commands for the keys of callers: `vigie apikey …`. Those that sign: signing_key.py."""

from __future__ import annotations

import re

import click

from vigie.cli.tables import show_table
from vigie.settings import load_settings

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def _key_name(_: click.Context, __: click.Parameter, value: str) -> str:
    if not _NAME.fullmatch(value):
        raise click.BadParameter("a name has 1 to 64 letters, digits, dots, _ and -")
    return value


@click.group()
def apikey() -> None:
    """Look after the keys that callers of the service send (VIGIE_API_KEYS)."""


@apikey.command()
@click.argument("name", callback=_key_name)
@click.option(
    "--role",
    type=click.Choice(["predict", "admin"]),
    hidden=True,
    expose_value=False,
    deprecated="Every key allows the same; the option goes with the next release.",
)
@click.option(
    "--days", type=click.IntRange(1, 36_500), help="How long it is good.  [default: ever]"
)
def add(name: str, days: int | None) -> None:
    """Make a key for the caller NAME. It is shown this once."""
    from vigie.serving.auth.apikeys import add_key

    click.echo(add_key(load_settings(), name, days))
    click.echo("Keep it: it is shown this once, and only its hash is stored.", err=True)


@apikey.command("list")
def list_() -> None:
    """Show the keys: whose, since when and until when."""
    from vigie.serving.auth.apikeys import key_file, read_keys

    rows = []
    for key in read_keys(key_file(load_settings())):
        until = f"{key.expires:%Y-%m-%d %H:%M}" if key.expires else ""
        state = " (expired)" if key.expired else ""
        rows.append((key.name, f"{key.created:%Y-%m-%d %H:%M}", until + state))
    show_table(("name", "created", "expires"), rows)


@apikey.command()
@click.argument("name")
def revoke(name: str) -> None:
    """Take the key of NAME back: running services refuse it within seconds."""
    from vigie.serving.auth.apikeys import revoke_key

    revoke_key(load_settings(), name)
    click.echo(f"{name}: revoked")
