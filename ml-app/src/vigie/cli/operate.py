"""The commands that look after registered versions, and the keys that sign them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vigie.settings import MODEL_NAME, load_settings

if TYPE_CHECKING:
    from rich.table import Table

    from vigie.registry.client import RegisteredModel, RegisteredVersion
    from vigie.registry.difference import Difference
    from vigie.registry.promotion import Move


def _model_name(_: click.Context, __: click.Parameter, value: str) -> str:
    if not MODEL_NAME.fullmatch(value):
        raise click.BadParameter("a model name has lower-case letters, digits, _ and -")
    return value


_model_argument = click.argument("model", callback=_model_name)
_reason_option = click.option("--reason", help="Why, for the record.")


@click.command()
def models() -> None:
    """Show the registered models: what serves, what served before, what is newest."""
    from rich.console import Console

    from vigie.registry.client import RegistryClient

    client = RegistryClient.of(load_settings())
    table = table_of("model", "champion", "challenger", "previous", "newest", "error", "verdict")
    for model in client.models():
        if MODEL_NAME.fullmatch(model.name):
            table.add_row(*_row(model, client.versions(model.name)))
    Console().print(table)


def _row(model: RegisteredModel, versions: list[RegisteredVersion]) -> list[str]:
    """The aliases, and of the newest version its error and the verdict of training."""
    from vigie.registry.tags import METRIC, error_of, shown

    aliases = [model.aliases.get(alias, "") for alias in ("champion", "challenger", "previous")]
    if not versions:
        return [model.name, *aliases, "", "", ""]
    newest = versions[0]
    error = error_of(newest)
    measured = "" if error is None else f"{newest.tags.get(METRIC, 'error')} {shown(error)}"
    verdict = newest.tags.get("vigie.verdict", "")
    return [model.name, *aliases, newest.version, measured, verdict]


@click.command()
@_model_argument
@click.option("--version", "number", required=True, help="The version that is to serve.")
@click.option("--force", is_flag=True, help="Promote it whatever the comparison says.")
@_reason_option
def promote(model: str, number: str, force: bool, reason: str | None) -> None:
    """Make a version of MODEL the champion, if it is not worse than the one that serves."""
    from vigie.registry.promotion import Promotions

    _tell(Promotions(load_settings()).promote(model, number, reason, force))


@click.command()
@_model_argument
@_reason_option
def rollback(model: str, reason: str | None) -> None:
    """Go back to the version of MODEL that was champion before."""
    from vigie.registry.promotion import Promotions

    _tell(Promotions(load_settings()).rollback(model, reason))


@click.command()
@_model_argument
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
def diff(model: str, first: str, second: str) -> None:
    """Compare two versions of MODEL, by number or alias: figures, signature, golden answers."""
    from rich.console import Console

    from vigie.registry.difference import compare_versions

    found = compare_versions(load_settings(), model, first, second)
    console = Console()
    console.print(_metrics_table(found))
    for title, sentences in (("breaks callers", found.breaking), ("changes", found.harmless)):
        for sentence in sentences:
            console.print(f"{title}: {sentence}", markup=False, highlight=False)
    if not found.breaking and not found.harmless:
        console.print("the signature is the same")
    console.print(_answers_table(found))


def _metrics_table(found: Difference) -> Table:
    from vigie.registry.tags import shown

    table = table_of("metric", *(f"version {version}" for version in found.versions), "change")
    for name, one, other in found.metrics:
        change = None if one is None or other is None or not one else (other - one) / abs(one)
        table.add_row(
            name,
            "" if one is None else shown(one),
            "" if other is None else shown(other),
            "" if change is None else f"{change:+.1%}",
        )
    return table


def _answers_table(found: Difference) -> Table:
    first, second = (f"version {version}" for version in found.versions)
    table = table_of("golden row of", "row", first, second)
    for answers in found.answers:
        row = ", ".join(f"{name}={value}" for name, value in answers.row.items())
        table.add_row(answers.origin, row, answers.first, answers.second)
    return table


def table_of(*headings: str) -> Table:
    """An empty table with these columns."""
    from rich.table import Table

    table = Table()
    for heading in headings:
        table.add_column(heading)
    return table


def _tell(move: Move) -> None:
    instead = f", in place of version {move.left}" if move.left else ""
    click.echo(f"{move.name} version {move.version} is the champion now{instead}: {move.because}")


@click.group()
def keys() -> None:
    """Make keys that sign packages."""


@keys.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def new(file: Path) -> None:
    """Make a private key FILE and its public key FILE.pub."""
    from vigie.models.signing import new_keys

    public = new_keys(file)
    click.echo(f"{file}: the private key, for VIGIE_SIGNING_KEY where models are trained")
    click.echo(f"{public}: the public key, for VIGIE_PUBLIC_KEYS where they are served")


COMMANDS = (models, promote, rollback, diff, keys)
