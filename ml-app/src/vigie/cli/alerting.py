"""The commands of who is told of alerts: `vigie alerting …`."""

from __future__ import annotations

from pathlib import Path

import click

from vigie.cli.renamed import renamed
from vigie.settings import load_alert_settings


class _Alerting(click.Group):
    """Takes the spelling of the release before too, which had the two files alone."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.commands and Path(args[0]).is_file():
            return "render", renamed(render, "alerting", "alerting render"), args
        return super().resolve_command(ctx, args)


@click.group(cls=_Alerting)
def alerting() -> None:
    """Say who is told of alerts (VIGIE_ALERT_…), and try it."""


@alerting.command()
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--reload", metavar="URL", help="Have the Alertmanager there read it, if one runs.")
def render(source: Path, target: Path, reload: str | None) -> None:
    """Write Alertmanager's configuration SOURCE to TARGET, with the receivers of the settings.

    Run it as the user that Alertmanager runs as: it names each setting whose file that user cannot
    read, or by which nothing would arrive, and writes nothing then.
    """
    from vigie.files import write_atomically
    from vigie.monitoring.alert_trial import reload_alertmanager
    from vigie.monitoring.alerting import with_receivers

    receivers, text = with_receivers(source.read_text(encoding="utf-8"), load_alert_settings())
    # it names files of secrets and holds none
    write_atomically(target, text.encode(), mode=0o444)
    if reload:
        reload_alertmanager(reload)
    click.echo(f"alerts go to: {', '.join(receivers) or 'nobody'}")


@alerting.command()
@click.pass_context
def test(ctx: click.Context) -> None:
    """Send one message to everybody who is told, and say what came back.

    Ends with 1 where one did not arrive, or where nobody is told.
    """
    from vigie.monitoring.alert_checks import require_whole
    from vigie.monitoring.alert_trial import try_receivers

    settings = load_alert_settings()
    require_whole(settings)
    arrived = []
    for trial in try_receivers(settings):
        click.echo(f"{trial.way}: {'' if trial.arrived else 'FAILED: '}{trial.said}")
        arrived.append(trial.arrived)
    if not arrived:
        click.echo("alerts go to: nobody")
    ctx.exit(0 if arrived and all(arrived) else 1)
