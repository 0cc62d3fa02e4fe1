"""The Prometheus of `vigie run`, where it is installed: the rules of the stack, one target."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from vigie.errors import ConfigurationError
from vigie.serving.ports import require_free_port

if TYPE_CHECKING:
    from vigie.settings import Settings

PORT = 9090
MOST_BYTES = "512MB"
_LEFT_OUT = {"alerts-platform.yml", "alerts-targets.yml"}
"""Rules about what `vigie run` does not have: they would always fire."""


def prometheus_command(settings: Settings, root: Path) -> list[str] | None:
    """The command that watches the service; `None` where there is no program or no free port.

    Writes its configuration below `root`. Raises `OSError` where that cannot be written.
    """
    program = shutil.which("prometheus")
    if program is None:
        return None
    try:
        require_free_port("127.0.0.1", PORT, "Prometheus")
    except ConfigurationError:
        return None
    folder = root / "var" / "prometheus"
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "prometheus.yml"
    # JSON is YAML as well
    config.write_bytes(orjson.dumps(_configuration(settings, root), option=orjson.OPT_INDENT_2))
    return [
        program, f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
        f"--storage.tsdb.retention.size={MOST_BYTES}",
        f"--web.listen-address=127.0.0.1:{PORT}",
    ]  # fmt: skip


def _configuration(settings: Settings, root: Path) -> dict[str, object]:
    rules = sorted((root / "prometheus" / "rules").glob("*.yml"))
    target = f"127.0.0.1:{settings.metrics_port}"
    return {
        "global": {"scrape_interval": "15s", "evaluation_interval": "15s"},
        "rule_files": [str(path.absolute()) for path in rules if path.name not in _LEFT_OUT],
        "scrape_configs": [{"job_name": "vigie", "static_configs": [{"targets": [target]}]}],
    }
