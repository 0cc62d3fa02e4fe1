"""The command line: `vigie …`."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vigie.cli.alerting import alerting
from vigie.cli.apikey import apikey
from vigie.cli.batch import batch
from vigie.cli.drift import drift
from vigie.cli.importing import export_command, import_command
from vigie.cli.log import LOG_COMMANDS
from vigie.cli.operate import COMMANDS
from vigie.cli.stack import stack
from vigie.cli.train import TRAIN_COMMANDS
from vigie.errors import VigieError
from vigie.monitoring.logs import configure_logs
from vigie.settings import load_settings

if TYPE_CHECKING:
    from vigie.client import ServiceClient

LOWEST_PRIORITY = 19

# Commands import what they need themselves: `vigie serve` must not wait for the tables of others.


class _Commands(click.Group):
    """Turns every explained failure into one sentence and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except VigieError as failure:
            click.secho(f"vigie: {failure}", fg="red", err=True)
            ctx.exit(1)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vigie")
def main() -> None:
    """Vigie: a Keras model in MLflow becomes a monitored service."""
    configure_logs("text")


@main.command()
@click.option("--port", type=int, help="Port of the service (VIGIE_PORT).")
@click.option("--workers", type=int, help="Worker processes (VIGIE_WORKERS).")
def serve(port: int | None, workers: int | None) -> None:
    """Serve the models of the cache on HTTP."""
    # before numpy is imported: the workers are the parallelism, idle threads cost time and memory
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from vigie.serving import serve as run

    settings = load_settings(port=port, workers=workers)
    configure_logs(settings.log_format)
    run(settings)


@main.command()
@click.option("--once", is_flag=True, help="Look at the registry once and stop.")
def follow(once: bool) -> None:
    """Keep the cache at the champion versions of the registry, verified."""
    from vigie.registry.sync import RegistrySync

    settings = load_settings()
    configure_logs(settings.log_format)
    sync = RegistrySync(settings)
    if once:
        results = sync.sync_once()
        for name, result in results.items():
            click.echo(f"{name}: {result}")
        if "failed" in results.values():
            sys.exit(1)
        return
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    # to download and to try a candidate is work, and never as urgent as an answer
    os.nice(LOWEST_PRIORITY)
    sync.run(stop)


@main.command()
def run() -> None:
    """Run everything here without Docker: MLflow, training, registry process, service."""
    from vigie.cli.local import run as run_stack

    logging.getLogger().setLevel(logging.WARNING)
    run_stack(load_settings(), Path.cwd(), click.echo)


_url_option = click.option("--url", help="Address of the service.  [default: the local one]")


@main.command()
@click.argument("model")
@click.argument("values", nargs=-1, metavar="NAME=VALUE...")
@_url_option
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def predict(model: str, values: tuple[str, ...], url: str | None, as_json: bool) -> None:
    """Ask a running service for one prediction: vigie predict housing surface_m2=54 rooms=3 …"""
    import orjson

    from vigie.client import parse_values

    client = _service(url)
    answer = client.predict(model, [parse_values(values, client.inputs(model))])
    if as_json:
        click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2))
        return
    for name, value in answer["predictions"][0].items():
        if name == "warnings":
            for warning in value:
                click.secho(f"warning: {warning}", fg="yellow")
        elif name == "interval":
            click.echo(f"interval: {value[0]:,} to {value[1]:,}")
        elif isinstance(value, dict):
            click.echo("\n".join(f"  {label}: {score}" for label, score in value.items()))
        else:
            click.echo(f"{name}: {value:,}" if isinstance(value, float) else f"{name}: {value}")
    click.echo(f"({answer['model']} version {answer['version']}, request {answer['request_id']})")


@main.command()
@_url_option
def status(url: str | None) -> None:
    """Show what a running service serves."""
    from rich.console import Console
    from rich.table import Table

    client = _service(url)
    table = Table(title=f"service: {client.readiness()}", title_justify="left")
    for heading in ("model", "state", "version", "engine", "loaded", "refused"):
        table.add_column(heading)
    for model in client.models():
        loaded = model.get("loaded_at")
        refused = model.get("refused")
        table.add_row(
            model["name"],
            model["state"] if "reason" not in model else f"{model['state']}: {model['reason']}",
            model.get("version", ""),
            model.get("engine", ""),
            f"{datetime.fromtimestamp(loaded):%Y-%m-%d %H:%M:%S}" if loaded else "",
            f"version {refused['version']}: {refused['reason']}" if refused else "",
        )
    Console().print(table)


for _command in (*COMMANDS, *LOG_COMMANDS, *TRAIN_COMMANDS):
    main.add_command(_command)


def _service(url: str | None) -> ServiceClient:
    from vigie.client import ServiceClient

    settings = load_settings()
    key = settings.api_key.get_secret_value() if settings.api_key else ""
    return ServiceClient(url or f"http://127.0.0.1:{settings.port}", key)


main.add_command(alerting)
main.add_command(apikey)
main.add_command(batch)
main.add_command(drift)
main.add_command(import_command)
main.add_command(export_command)
main.add_command(stack)

if __name__ == "__main__":
    sys.exit(main())
