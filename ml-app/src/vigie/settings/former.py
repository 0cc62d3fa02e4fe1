"""Variables that were settings in the release before: ignored, and called so once."""

from __future__ import annotations

import os
from collections.abc import Container

FORMER = (
    "VIGIE_CANARY_HEADER", "VIGIE_DOWNLOAD_TIMEOUT_SECONDS", "VIGIE_HOUSING_YEARS",
    "VIGIE_MAX_CONNECTIONS", "VIGIE_MAX_IN_FLIGHT", "VIGIE_PREDICTION_LOG_QUEUE_ROWS",
    "VIGIE_PREDICTION_LOG_WAIT_SECONDS", "VIGIE_PROMETHEUS_PORT",
)  # fmt: skip


def former_settings(names: Container[str] | None) -> list[str]:
    """Those of them that are among the names; `None` is for those of the environment."""
    among = os.environ if names is None else names
    return [name for name in FORMER if name in among]
