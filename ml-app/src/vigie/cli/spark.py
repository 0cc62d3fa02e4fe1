"""The commands that run a package on Apache Spark: `vigie spark …`."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from vigie.errors import ConfigurationError, VigieError
from vigie.settings import load_settings

if TYPE_CHECKING:
    from vigie.settings import Settings
    from vigie.spark.session import SessionOptions

SOME_FAILED, NOTHING_USABLE, SIGNALLED = 1, 2, 128

_COMMON = (
    click.argument("model"),
    click.option("--input", "source", metavar="URI", required=True, help="What to answer."),
    click.option("--output", "target", metavar="URI", required=True, help="A folder of its own."),
    click.option("--pattern", multiple=True, help="Photos to take, as '*.jpg'. [several]"),
    click.option("--restart", is_flag=True, help="Begin anew what was stopped."),
    click.option(
        "--master", help="Spark's master. [VIGIE_SPARK_MASTER; else this machine, on all cores]"
    ),
    click.option("--conf", multiple=True, metavar="NAME=VALUE", help="For Spark. [several]"),
    click.option("--allow-failed", is_flag=True, help="End with 0 where some failed, not all."),
    click.option("--log", type=click.Path(dir_okay=False, path_type=Path), help="Keep its log."),
)


def _common(command: Callable[..., None]) -> Callable[..., None]:
    for decorate in reversed(_COMMON):
        command = decorate(command)
    return command


@click.group(
    short_help="features of photos and answers on Apache Spark",
    context_settings={"help_option_names": ["-h", "--help"]},
)
def spark() -> None:
    """Run a package on Apache Spark: on this machine, or on a cluster.

    MODEL is as in `vigie batch`, or the URI of a package's folder or zip. A
    URI is a path of this machine, file:, s3a:, gs: or hdfs:. The same command
    goes on where it was stopped. Ends with 1 where some failed, with 2 where
    nothing could be used.
    """


@spark.command(short_help="features of photos, and their PCA")
@_common
@click.option("--components", type=click.IntRange(1), help="A PCA of so many components.")
@click.option("--variance", type=click.FloatRange(0, 1, min_open=True), help="… of such a share.")
@click.option("--pca", metavar="URI", help="A PCA that was saved: the folder pca of an output.")
@click.option("--vector", help="The output to write. [features, or the only vector]")
def features(model: str, source: str, target: str, **options: Any) -> None:
    """Write what MODEL sees in each photo: Parquet by label, and a PCA of it.

    Photos: a folder, with a folder per label or without, or Parquet with the
    columns name and content.
    """
    _ended(lambda: _features(model, source, target, options), (model, source, target))


def _features(model: str, source: str, target: str, options: dict[str, Any]) -> int:
    from rich.console import Console

    from vigie.spark.features import FeaturesOrder, compute_features
    from vigie.spark.package_uri import fetch_model
    from vigie.spark.pca import PCAOrder
    from vigie.spark.session import open_session
    from vigie.spark.uri import uri_of

    asked = [name for name in ("components", "variance", "pca") if options[name] is not None]
    if len(asked) > 1:
        raise ConfigurationError(f"--{asked[0]} and --{asked[1]} exclude each other: give one")
    saved = None if options["pca"] is None else uri_of(options["pca"])
    pca = PCAOrder(options["components"], options["variance"], saved)
    order = FeaturesOrder(
        uri_of(source), uri_of(target), options["vector"], options["pattern"], pca,
        options["restart"],
    )  # fmt: skip
    settings = load_settings()
    with (
        tempfile.TemporaryDirectory(prefix="vigie-") as scratch,
        open_session(_session_options(options, settings)) as session,
    ):
        found = fetch_model(session, model, Path(scratch), settings)
        made = compute_features(session, found, order, Path(scratch), Console(stderr=True))
    rate = made.computed / max(made.seconds, 1e-3)
    click.echo(
        f"{found.name} {found.version}: {made.read} photos, {made.written} with features, "
        f"{made.quarantined} in quarantine; {made.computed} computed in {made.seconds:.1f} s "
        f"({rate:.0f} a second)"
    )
    return _exit_code(made.written, made.quarantined, options)


@spark.command("score", short_help="answers to a table, or to photos")
@_common
def score_command(model: str, source: str, target: str, **options: Any) -> None:
    """Write the answer of MODEL to each row or photo: Parquet, errors too.

    Tables: CSV or Parquet, a file or a folder of them. Photos: a folder, or
    Parquet with the columns name and content.
    """
    _ended(lambda: _score(model, source, target, options), (model, source, target))


def _score(model: str, source: str, target: str, options: dict[str, Any]) -> int:
    from rich.console import Console

    from vigie.spark.package_uri import fetch_model
    from vigie.spark.score import ScoreOrder, score
    from vigie.spark.session import open_session
    from vigie.spark.uri import uri_of

    order = ScoreOrder(uri_of(source), uri_of(target), options["pattern"], options["restart"])
    settings = load_settings()
    with (
        tempfile.TemporaryDirectory(prefix="vigie-") as scratch,
        open_session(_session_options(options, settings)) as session,
    ):
        found = fetch_model(session, model, Path(scratch), settings)
        made = score(session, found, order, Path(scratch), Console(stderr=True))
    click.echo(
        f"{found.name} {found.version}: {made.read} rows, {made.answered} answered, "
        f"{made.failed} failed, {made.seconds:.1f} s"
    )
    return _exit_code(made.answered, made.failed, options)


def _exit_code(answered: int, failed: int, options: dict[str, Any]) -> int:
    if not answered:
        return NOTHING_USABLE
    return SOME_FAILED if failed and not options["allow_failed"] else 0


def _session_options(options: dict[str, Any], settings: Settings) -> SessionOptions:
    from vigie.spark.session import SessionOptions

    conf = dict(_pair(text) for text in options["conf"])
    master = options["master"] or settings.spark_master
    return SessionOptions(master, conf, options["log"])


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.startswith("spark."):
        raise ConfigurationError("--conf takes NAME=VALUE, such as spark.executor.memory=4g")
    return name, value


def _ended(run: Callable[[], int], places: Sequence[str]) -> None:
    """Runs a command over these places; ends with its exit code, what fails as one sentence."""
    try:
        with _stoppable():
            from vigie.spark.failures import explained

            with explained(places):
                code = run()
    except VigieError as failure:
        click.secho(f"vigie: {failure}", fg="red", err=True)
        code = NOTHING_USABLE
    except (_Stopped, KeyboardInterrupt) as stopped:
        # Spark has its own way with SIGINT once it runs
        number = stopped.number if isinstance(stopped, _Stopped) else signal.SIGINT
        click.echo("stopped; the same command goes on", err=True)
        code = SIGNALLED + number
    if code:
        raise click.exceptions.Exit(code)


class _Stopped(BaseException):
    """A signal asked for the end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def _stoppable() -> Iterator[None]:
    def stop(number: int, _: FrameType | None) -> None:
        raise _Stopped(number)

    signals = (signal.SIGTERM, signal.SIGINT)
    former = {number: signal.signal(number, stop) for number in signals}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def main() -> None:
    """`vigie spark` as a program of its own: what `spark-submit` starts."""
    from vigie.monitoring.logs import configure_logs

    configure_logs("text")
    spark(prog_name="vigie spark", args=sys.argv[1:])
