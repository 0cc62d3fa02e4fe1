"""The commands for the prediction log, `vigie log …`: figures, what is to be forgotten, tables."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from vigie.cli.options import json_option, model_argument
from vigie.cli.tables import show_table
from vigie.settings import load_settings

if TYPE_CHECKING:
    from vigie.predictionlog.quality import Quality

HEADINGS = (
    "version", "part", "logged", "truths", "known", "mean error", "rmse", "mean % error",
    "accuracy", "outside interval", "median delay",
)  # fmt: skip


@click.group(short_help="the prediction log: quality, forget, migrate")
def log() -> None:
    """Look into the prediction log, erase from it, bring its tables up to date."""


@log.command()
def migrate() -> None:
    """Bring the tables of the prediction log up to date. The service does it by itself."""
    from vigie.predictionlog.database import explained, open_database
    from vigie.predictionlog.database import migrate as run

    with closing(open_database(load_settings())) as database, explained():
        run(database)
        click.echo(f"the tables are at step {database.revision()}")


@log.command()
@click.argument("request_id")
def forget(request_id: str) -> None:
    """Erase the predictions and truths of REQUEST_ID from the prediction log."""
    from vigie.predictionlog.database import explained, open_database
    from vigie.predictionlog.retention import forget as erase
    from vigie.predictionlog.spool import spool_of
    from vigie.registry.audit import audited, now, who_am_i

    settings = load_settings()
    with audited(settings.audit_log) as record:
        with closing(open_database(settings)) as database, explained():
            predictions, truths = erase(database, spool_of(settings), request_id)
        what = f"forget: {predictions} predictions, {truths} truths"
        record({"at": now(), "who": who_am_i(), "what": what})
    click.echo(f"erased: {predictions} predictions, {truths} truths")


@log.command()
@model_argument
@click.option("--version", "number", help="This version alone.")
@click.option("--by", "inputs", multiple=True, help="Also per value of this input; repeatable.")
@json_option
def quality(model: str, number: str | None, inputs: tuple[str, ...], as_json: bool) -> None:
    """Show how good the logged predictions of MODEL were, where the truth is known."""
    from vigie.predictionlog.database import explained, open_database
    from vigie.predictionlog.quality import quality_of

    with closing(open_database(load_settings())) as database, explained():
        found = quality_of(database, model, number, inputs)
    if as_json:
        import orjson

        figures = [one.as_dict() for one in found]
        click.echo(orjson.dumps(figures, option=orjson.OPT_INDENT_2))
        return
    show_table(HEADINGS, map(_cells, found))


def _cells(figures: Quality) -> list[str]:
    wrong = figures.mean("wrong")
    delay = figures.delay_seconds
    return [
        figures.version,
        figures.part,
        "" if figures.logged is None else f"{figures.logged:,}",
        f"{figures.joined:,}",
        _share(figures.coverage),
        _number(figures.mean("absolute")),
        _number(figures.rmse),
        _share(figures.mean("absolute_percentage")),
        _share(None if wrong is None else 1 - wrong),
        _share(figures.mean("outside_interval")),
        "" if delay is None else str(timedelta(seconds=round(delay))),
    ]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.6g}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
