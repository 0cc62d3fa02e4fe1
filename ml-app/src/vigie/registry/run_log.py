"""A run in MLflow, over its REST API: what a program without MLflow's client has done."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vigie.errors import RegistryError
from vigie.registry.transport import MlflowHttp

if TYPE_CHECKING:
    from vigie.settings import Settings

_PROXIED = "mlflow-artifacts:/"


def log_run(
    settings: Settings,
    experiment: str,
    name: str,
    params: Mapping[str, str],
    metrics: Mapping[str, float],
    artifact: Path | None = None,
) -> str:
    """Logs one finished run with its file; gives its id.

    The file is left out where MLflow does not serve artifacts. Raises `RegistryError`.
    """
    http = MlflowHttp(settings.mlflow_url, settings.registry_timeout_seconds)
    now = int(time.time() * 1000)
    found = http.ask("experiments/get-by-name", {"experiment_name": experiment})
    place = (
        http.create("experiments/create", {"name": experiment})["experiment_id"]
        if found is None
        else found["experiment"]["experiment_id"]
    )
    started = {"experiment_id": place, "run_name": name, "start_time": now}
    try:
        info: Mapping[str, Any] = http.create("runs/create", started)["run"]["info"]
        run, root = str(info["run_id"]), str(info["artifact_uri"])
    except (KeyError, TypeError):
        raise RegistryError("MLflow answered with something that is not a run") from None
    content = {
        "run_id": run,
        "params": [{"key": key, "value": value} for key, value in params.items()],
        "metrics": [
            {"key": key, "value": value, "timestamp": now} for key, value in metrics.items()
        ],
    }
    http.create("runs/log-batch", content)
    if artifact is not None and root.startswith(_PROXIED):
        http.send(artifact, f"{root.removeprefix(_PROXIED).strip('/')}/{artifact.name}")
    http.create("runs/update", {"run_id": run, "status": "FINISHED", "end_time": now})
    return run
