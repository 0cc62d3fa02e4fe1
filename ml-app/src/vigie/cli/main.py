"""The command line: `vigie …`."""

from __future__ import annotations

import sys
from typing import Any

import click

from vigie.cli.alerting import alerting
from vigie.cli.apikey import apikey
from vigie.cli.ask import predict, status
from vigie.cli.batch import batch
from vigie.cli.contents import TableOfContents
from vigie.cli.drift import drift
from vigie.cli.fetch import fetch
from vigie.cli.importing import export_command, import_command
from vigie.cli.log import forget, log, migrate, quality
from vigie.cli.renamed import renamed
from vigie.cli.serve import follow, importer, mirror, run, serve, share
from vigie.cli.serve_saved import serve_saved
from vigie.cli.signing_key import signing_key
from vigie.cli.spark import spark
from vigie.cli.stack import stack
from vigie.cli.train import bootstrap, evaluate, retrain, train
from vigie.cli.versions import diff, models, promote, rollback
from vigie.errors import VigieError
from vigie.monitoring.logs import configure_logs

# Commands import what they need themselves: `vigie serve` must not wait for the tables of others.


OF_MLFLOW = "MLflow did not do what was asked; is it up, and its disk not full? Its log says why"


class _Commands(TableOfContents):
    """Turns every explained failure into one sentence and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except VigieError as failure:
            _tell(failure)
        except Exception as failure:
            if not _is_of_mlflow(failure):
                raise
            _tell(OF_MLFLOW)
        return ctx.exit(1)


def _tell(failure: object) -> None:
    click.secho(f"vigie: {failure}", fg="red", err=True)


def _is_of_mlflow(failure: Exception) -> bool:
    """Whether MLflow's own client raised it, which is imported by those who use it alone."""
    client = sys.modules.get("mlflow.exceptions")
    return client is not None and isinstance(failure, client.MlflowException)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    options_metavar="[--version] [-h | --help]",
)
@click.version_option(package_name="vigie")
def main() -> None:
    """Vigie: a Keras model in MLflow becomes a monitored service."""
    configure_logs("text")


for _command in (
    run, serve, serve_saved, follow, predict, batch, spark, status, train, retrain, evaluate, fetch,
    import_command, importer, share, mirror, export_command, models, diff, promote, rollback, drift,
    log, apikey, signing_key, bootstrap, alerting, stack,
):  # fmt: skip
    main.add_command(_command)

for _command, _old, _new in (
    (signing_key, "keys", "signing-key"),
    (migrate, "migrate", "log migrate"),
    (forget, "forget", "log forget"),
    (quality, "quality", "log quality"),
):
    main.add_command(renamed(_command, _old, _new))
