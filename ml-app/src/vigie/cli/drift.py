"""The command that looks at what a running service has seen: `vigie drift`."""

from __future__ import annotations

import click

from vigie.cli.options import check_window, metrics_option, prometheus_option
from vigie.cli.tables import show_table
from vigie.settings import load_settings


@click.command(short_help="how far inputs and answers have moved from training")
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
    from vigie.monitoring.drift import current_drifts

    page = metrics or f"http://127.0.0.1:{load_settings().metrics_port}/metrics"
    found = current_drifts(prometheus, window, page)
    mine = sorted((one for one in found if one.model == model), key=lambda one: -one.psi)
    if not mine:
        raise click.ClickException(
            f"nothing is counted for {model}: it is not served, or its package has no profile"
        )
    show_table(
        ("version", "input", "rows", "PSI", "verdict"),
        [(d.version, d.feature, f"{d.rows:,}", f"{d.psi:.3f}", d.verdict) for d in mine],
    )
