"""The command that says where alerts go: `vigie alerting`."""

from __future__ import annotations

from pathlib import Path

import click

from vigie.settings import load_alert_settings


@click.command()
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
def alerting(source: Path, target: Path) -> None:
    """Write Alertmanager's configuration SOURCE to TARGET, with the receivers of the settings."""
    from vigie.monitoring.alerting import with_receivers

    receivers, text = with_receivers(source.read_text(encoding="utf-8"), load_alert_settings())
    target.write_text(text, encoding="utf-8")
    click.echo(f"alerts go to: {', '.join(receivers) or 'nobody'}")
