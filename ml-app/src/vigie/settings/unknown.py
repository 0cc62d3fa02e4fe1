"""Variables `VIGIE_…` that are no setting: misspelt ones, most likely."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from difflib import get_close_matches

STACK = frozenset(
    f"VIGIE_{name}"
    for name in (
        "ACME_CA", "ACME_DIRECTORY", "ACME_EMAIL", "ALERTMANAGER_PUBLIC_URL", "APP_CPUS",
        "BATCH_CPUS", "BATCH_IMAGE", "BATCH_INPUTS", "BATCH_OUTPUTS", "CERTIFICATES", "DOMAIN",
        "IMAGE", "LOAD_IMAGE", "MLFLOW_IMAGE", "PROMETHEUS_PUBLIC_URL", "PUBLIC_ADDRESS",
        "PULL_POLICY", "REPLICAS", "REQUESTS_PER_MINUTE", "SPARK_DATA", "SPARK_IMAGE",
        "SPARK_INTERNAL", "SPARK_USER", "SPARK_WORKERS", "SPARK_WORKER_CORES",
        "SPARK_WORKER_MEMORY", "TARGET", "TEXTFILES", "TRAINER_CPUS", "TRAINER_IMAGE", "WITHOUT",
    )
)  # fmt: skip
"""What the Compose files and the tools read; it stands in the same `.env` as the settings."""

_OTHERS = re.compile(r"VIGIE_TEST_.*|.*_SERVICE_(HOST|PORT)(_.*)?|.*_PORT(_\d+_(TCP|UDP)(_.*)?)")
"""What tests are told, and what Kubernetes puts into every pod."""
_ALIKE = 0.75


def nearest_of_unknown(settings: AbstractSet[str], names: Iterable[str] | None) -> dict[str, str]:
    """The names that are unknown, each with the known one that is most like it, or "".

    `None` is for those of the environment.
    """
    known = sorted(settings | STACK)
    return {
        name: next(iter(get_close_matches(name, known, 1, _ALIKE)), "")
        for name in sorted(os.environ if names is None else names)
        if name.startswith("VIGIE_") and name not in known and not _OTHERS.fullmatch(name)
    }
