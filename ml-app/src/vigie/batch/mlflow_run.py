"""A batch run in MLflow: which model answered how many photos, and the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vigie.registry.run_log import log_run

if TYPE_CHECKING:
    from vigie.batch.order import Order
    from vigie.batch.photos import BatchSummary
    from vigie.registry.reference import BatchModel
    from vigie.settings import Settings


def log_to_mlflow(
    model: BatchModel, outcome: BatchSummary, order: Order, settings: Settings
) -> str:
    """Logs the run to the experiment `<model>-batch`, with the table if it is whole; gives its id.

    Raises `RegistryError`.
    """
    params = {
        "model": model.name,
        "version": model.version,
        "digest": model.predictor.package.digest,
        "output": order.output.name,
    }
    metrics = {
        "photos": float(outcome.photos),
        "failed": float(outcome.failed),
        "seconds": outcome.seconds,
    }
    table = order.output if outcome.whole else None
    experiment = f"{model.name}-batch"
    return log_run(settings, experiment, order.output.name, params, metrics, table)
