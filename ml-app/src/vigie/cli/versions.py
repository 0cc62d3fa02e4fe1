"""The commands that look after registered versions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from vigie.cli.options import model_argument, reason_option
from vigie.cli.tables import show_table
from vigie.settings import MODEL_NAME, load_settings

if TYPE_CHECKING:
    from vigie.registry.client import RegisteredModel, RegisteredVersion
    from vigie.registry.difference import Difference
    from vigie.registry.promotion import Move


@click.command(short_help="registered models: champion, challenger, newest")
def models() -> None:
    """Show the registered models: what serves, what served before, what is newest."""
    from vigie.registry.client import RegistryClient

    client = RegistryClient.of(load_settings())
    show_table(
        ("model", "champion", "challenger", "previous", "newest", "error", "verdict"),
        [
            _row(model, client.versions(model.name))
            for model in client.models()
            if MODEL_NAME.fullmatch(model.name)
        ],
    )


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


@click.command(short_help="make a version the champion, if it is not worse")
@model_argument
@click.option("--version", "number", required=True, help="The version that is to serve.")
@click.option("--force", is_flag=True, help="Promote it whatever the comparison says.")
@reason_option
def promote(model: str, number: str, force: bool, reason: str | None) -> None:
    """Make a version of MODEL the champion, if it is not worse than the one that serves."""
    from vigie.registry.promotion import Promotions

    _tell(Promotions(load_settings()).promote(model, number, reason, force))


@click.command(short_help="back to the champion before")
@model_argument
@reason_option
def rollback(model: str, reason: str | None) -> None:
    """Go back to the version of MODEL that was champion before."""
    from vigie.registry.promotion import Promotions

    _tell(Promotions(load_settings()).rollback(model, reason))


@click.command(short_help="two versions: figures, signature, golden answers")
@model_argument
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
def diff(model: str, first: str, second: str) -> None:
    """Compare two versions of MODEL, by number or alias: figures, signature, golden answers."""
    from rich.console import Console

    from vigie.registry.difference import compare_versions

    found = compare_versions(load_settings(), model, first, second)
    numbers = [f"version {version}" for version in found.versions]
    show_table(("metric", *numbers, "change"), _metrics_rows(found))
    console = Console()
    for title, sentences in (("breaks callers", found.breaking), ("changes", found.harmless)):
        for sentence in sentences:
            console.print(f"{title}: {sentence}", markup=False, highlight=False)
    if not found.breaking and not found.harmless:
        console.print("the signature is the same")
    show_table(("golden row of", "row", *numbers), _answers_rows(found))


def _metrics_rows(found: Difference) -> Iterator[Sequence[str]]:
    from vigie.registry.tags import shown

    for name, one, other in found.metrics:
        change = None if one is None or other is None or not one else (other - one) / abs(one)
        yield (
            name,
            "" if one is None else shown(one),
            "" if other is None else shown(other),
            "" if change is None else f"{change:+.1%}",
        )


def _answers_rows(found: Difference) -> Iterator[Sequence[str]]:
    for answers in found.answers:
        row = ", ".join(f"{name}={_brief(value)}" for name, value in answers.row.items())
        yield answers.origin, row, answers.first, answers.second


def _brief(value: Any) -> Any:
    """A value of a row; a photo, or another one that is kept as an array, by its shape."""
    shape = getattr(value, "shape", None)
    return value if shape is None else "x".join(map(str, shape))


def _tell(move: Move) -> None:
    instead = f", in place of version {move.left}" if move.left else ""
    click.echo(f"{move.name} version {move.version} is the champion now{instead}: {move.because}")
