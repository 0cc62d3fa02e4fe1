"""The commands that look at what a running service has seen."""

from __future__ import annotations

import re

import click

from vigie.cli.operate import table_of
from vigie.settings import load_settings

_WINDOW = re.compile(r"[1-9][0-9]{0,5}[smhdw]")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def check_window(_: click.Context, __: click.Parameter, value: str) -> str:
    """The value of an option that is a length of time, as Prometheus writes it."""
    if not _WINDOW.fullmatch(value):
        raise click.BadParameter("a window is a number with s, m, h, d or w, such as 6h")
    return value


def seconds_of(window: str) -> int:
    """The seconds of such a length of time."""
    return int(window[:-1]) * _SECONDS[window[-1]]


prometheus_option = click.option(
    "--prometheus", metavar="URL", help="Ask this Prometheus, which knows all replicas."
)
metrics_option = click.option(
    "--metrics", metavar="URL", help="The metrics page to read; this machine's without."
)


@click.command()
@click.argument("model")
@prometheus_option
@click.option(
    "--window",
    default="1h",
    callback=check_window,
    show_default=True,
    help="With --prometheus: how far back.",
)
@metrics_option
def drift(model: str, prometheus: str | None, window: str, metrics: str | None) -> None:
    """Show how far the inputs and predictions of MODEL have moved from its training data.

    Without a Prometheus it counts since the service started.
    """
    from rich.console import Console

    from vigie.monitoring.drift import current_drifts

    page = metrics or f"http://127.0.0.1:{load_settings().metrics_port}/metrics"
    found = current_drifts(prometheus, window, page)
    mine = sorted((one for one in found if one.model == model), key=lambda one: -one.psi)
    if not mine:
        raise click.ClickException(
            f"nothing is counted for {model}: it is not served, or its package has no profile"
        )
    table = table_of("version", "input", "rows", "PSI", "verdict")
    for one in mine:
        table.add_row(one.version, one.feature, f"{one.rows:,}", f"{one.psi:.3f}", one.verdict)
    Console().print(table)
