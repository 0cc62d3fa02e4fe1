"""The command that answers a whole table, or a folder of photos: `vigie batch`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vigie.errors import ConfigurationError, DataError, VigieError
from vigie.settings import load_settings, usable_cores

if TYPE_CHECKING:
    from vigie.batch.order import Order
    from vigie.batch.photo_scorer import PhotoScorer
    from vigie.batch.photos import BatchSummary
    from vigie.registry.reference import BatchModel
    from vigie.settings import Settings

PARQUET = ".parquet"
SOME_FAILED, NOTHING_USABLE, SIGNALLED = 1, 2, 128


@click.command(short_help="answer each row of a table, each photo of a folder")
@click.argument("model")
@click.argument("source", metavar="INPUT")
@click.argument("target", metavar="OUTPUT", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--pattern", multiple=True, help="Photos to take, as '*.jpg'. [several]")
@click.option("--recursive", is_flag=True, help="Take those of the folders below, too.")
@click.option("--column", help="Column of the paths, in a CSV or Parquet INPUT.")
@click.option("--scores", is_flag=True, help="Write the score of every label.")
@click.option("--vectors", is_flag=True, help="Write vectors too. [in Parquet always]")
@click.option("--workers", type=click.IntRange(1, 256), help="Photos at a time. [the cores]")
@click.option("--restart", is_flag=True, help="Begin anew what was stopped.")
@click.option("--watch", is_flag=True, help="Go on as photos arrive, until a signal.")
@click.option("--metrics-file", type=click.Path(path_type=Path), help="For node-exporter.")
@click.option("--pushgateway", metavar="URL", help="Push the metrics there.")
@click.option("--mlflow", is_flag=True, help="Log the run in MLflow.")
def batch(model: str, source: str, target: Path, **options: Any) -> None:
    """Answer each photo of INPUT, or each row of a CSV or Parquet table, into OUTPUT.

    MODEL is a name in the cache, a package's ./folder, or NAME/3 of MLflow.
    Photos: a folder, a list of paths (.txt or -), a CSV or Parquet of paths.
    The same command goes on where it was stopped. Ends with 1 where some
    failed, with 2 where nothing could be used.
    """
    try:
        code = _run(model, source, target, options)
    except VigieError as failure:
        click.secho(f"vigie: {failure}", fg="red", err=True)
        code = NOTHING_USABLE
    if code:
        raise click.exceptions.Exit(code)


def _run(model: str, source: str, target: Path, options: dict[str, Any]) -> int:
    from vigie.registry.reference import open_model

    settings = load_settings()
    if target.exists() and Path(source).exists() and target.samefile(source):
        raise DataError("OUTPUT is INPUT: name another file")
    found = open_model(model, settings)
    if found.takes_photos:
        return _answer_photos(found, source, target, options, settings)
    if given := [name for name, value in options.items() if value]:
        option = given[0].replace("_", "-")
        raise ConfigurationError(f"--{option} is for photos; {found.name} takes rows of a table")
    return _answer_table(found, Path(source), target)


def _answer_table(model: BatchModel, source: Path, target: Path) -> int:
    from vigie.batch.table import score_table

    score = score_table(model.predictor, source, target)
    click.echo(
        f"{model.name} {model.version}: {score.answered} rows answered, {score.refused} refused"
    )
    return SOME_FAILED if score.refused else 0


def _answer_photos(
    model: BatchModel, source: str, target: Path, options: dict[str, Any], settings: Settings
) -> int:
    from rich.console import Console

    from vigie.batch.listing import open_listing
    from vigie.batch.photo_scorer import PhotoScorer
    from vigie.batch.photos import score_photos
    from vigie.batch.stop_signal import StopSignal

    listing = open_listing(source, options["pattern"], options["recursive"], options["column"])
    vectors = options["vectors"] or target.suffix.lower() == PARQUET
    scorer = PhotoScorer(model.predictor, listing.root, options["scores"], vectors)
    order = _order(model, scorer, (source, target), listing, options)
    with StopSignal() as stop:
        outcome = score_photos(scorer, order, stop, Console(stderr=True))
    _tell(model, outcome, order)
    _report(model, outcome, order, options, settings)
    if not outcome.whole:
        return SIGNALLED + stop.number
    if outcome.failed == outcome.photos and not order.watch:
        return NOTHING_USABLE
    return SOME_FAILED if outcome.failed else 0


def _order(
    model: BatchModel, scorer: PhotoScorer, paths: tuple[str, Path], listing: Any,
    options: dict[str, Any],
) -> Order:  # fmt: skip
    from vigie.batch.listing import STANDARD_INPUT
    from vigie.batch.order import Order
    from vigie.models.photo_folder import PhotoFolder

    source, target = paths
    if options["watch"]:
        if not isinstance(listing, PhotoFolder):
            raise ConfigurationError("--watch needs a folder")
        if target.suffix.lower() == PARQUET:
            raise ConfigurationError("--watch writes CSV: a Parquet file cannot grow")
    if target.suffix.lower() == PARQUET:
        # what is missing is better known before the first photo than after the last
        import vigie.batch.parquet  # noqa: F401
    package = model.predictor.package
    facts = {
        "model": [model.name, package.digest, model.predictor.engine.name],
        "input": source if source == STANDARD_INPUT else str(Path(source).resolve()),
        "choice of photos": [list(options["pattern"]), options["recursive"], options["column"]],
        "choice of columns": [options["scores"], options["vectors"]],
        # its parts, and so the last digits, are others
        "release of Vigie": scorer.at_once,
        "--watch": options["watch"],
    }
    workers = options["workers"] or usable_cores()
    return Order(listing, target, facts, workers, options["restart"], options["watch"])


def _tell(model: BatchModel, outcome: BatchSummary, order: Order) -> None:
    answered = outcome.photos - outcome.failed
    rate = outcome.photos / max(outcome.seconds, 1e-3)
    click.echo(
        f"{model.name} {model.version}: {outcome.photos} photos, {answered} answered, "
        f"{outcome.failed} failed, {outcome.seconds:.1f} s ({rate:.0f} a second)"
    )
    if not outcome.whole:
        click.echo(
            f"stopped at {outcome.photos} of {outcome.total}; the same command goes on", err=True
        )
    if outcome.came_since:
        click.echo(
            f"{outcome.came_since} photos came after the run was begun and are not in "
            f"{order.output.name}",
            err=True,
        )


def _report(
    model: BatchModel,
    outcome: BatchSummary,
    order: Order,
    options: dict[str, Any],
    settings: Settings,
) -> None:
    """Tells others of the run; that one of them is away takes nothing from what was written."""
    try:
        if options["metrics_file"] or options["pushgateway"]:
            from vigie.batch.metrics import RunMetrics, push_metrics, write_metrics

            metrics = RunMetrics(model.name, model.version, outcome)
            if options["metrics_file"]:
                write_metrics(metrics, options["metrics_file"])
            if options["pushgateway"]:
                push_metrics(metrics, options["pushgateway"])
        if options["mlflow"]:
            from vigie.batch.mlflow_run import log_to_mlflow

            log_to_mlflow(model, outcome, order, settings)
    except VigieError as failure:
        click.secho(f"vigie: {failure}", fg="yellow", err=True)
