"""Every panel of every dashboard has data once a stack has been under load."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import yaml

from grafana.pages import unanswered
from support.alert_stack import ALERTMANAGER, PROMETHEUS
from support.memory import tell
from support.packages import HOUSING_INPUTS, housing_document, install
from support.ports import free_port
from support.promtool import ROOT, RULES
from support.scraper import is_ready, running
from support.service import LiveService, MakeService
from support.waiting import wait_until
from support.worker import FLOWER
from vigie.models.document import PackageDocument
from vigie.models.profile import build_profile
from vigie.registry.cache import CHALLENGER, ModelCache

NODE_EXPORTER = shutil.which("node_exporter") or shutil.which("prometheus-node-exporter")
LOAD_SECONDS = 120
SCRAPE_SECONDS = 2
LONGEST_LAG_SECONDS = 330
"""The long windows of drift are recorded every five minutes."""

pytestmark = pytest.mark.skipif(
    not (PROMETHEUS and ALERTMANAGER and NODE_EXPORTER),
    reason="prometheus, alertmanager or node_exporter is missing",
)


def configuration(folder: Path, service: LiveService, ports: dict[str, int]) -> Path:
    """The committed configuration with the ports of here, looking more often."""
    config = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text("utf-8"))
    often = f"{SCRAPE_SECONDS}s"
    config["global"] |= {"scrape_interval": often, "scrape_timeout": often}
    config["global"]["evaluation_interval"] = often
    config["rule_files"] = [str(RULES / "*.yml")]
    at = {"vigie": service.metrics_port, **ports}
    config["alerting"]["alertmanagers"] = [
        {"static_configs": [{"targets": [f"127.0.0.1:{at['alertmanager']}"]}]}
    ]
    config["scrape_configs"] = [
        {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
        for job, port in at.items()
    ]
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(config), "utf-8")
    return path


@contextmanager
def watched(folder: Path, service: LiveService) -> Iterator[str]:
    """The address of a Prometheus that watches a service, its machine, and itself."""
    assert PROMETHEUS
    assert ALERTMANAGER
    assert NODE_EXPORTER
    ports = {name: free_port() for name in ("prometheus", "alertmanager", "node")}
    on = {name: f"--web.listen-address=127.0.0.1:{port}" for name, port in ports.items()}
    config = configuration(folder, service, ports)
    base = ROOT / "alertmanager" / "alertmanager.yml"
    with ExitStack() as stack:
        stack.enter_context(running(folder, "node", NODE_EXPORTER, on["node"]))
        stack.enter_context(
            running(
                folder, "alertmanager", ALERTMANAGER, f"--config.file={base}",
                "--cluster.listen-address=", f"--storage.path={folder / 'am'}", on["alertmanager"],
            )
        )  # fmt: skip
        stack.enter_context(
            running(
                folder, "prometheus", PROMETHEUS, f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'tsdb'}", on["prometheus"],
            )
        )  # fmt: skip
        url = f"http://127.0.0.1:{ports['prometheus']}"
        wait_until(lambda: is_ready(url), 60)
        yield url


def homes(number: int, seed: int) -> list[dict[str, Any]]:
    """Rows as people send them, some with gaps, some outside of what training saw."""
    chance = np.random.default_rng(seed)
    return [
        {
            "surface_m2": float(chance.uniform(20, 260)),
            "rooms": int(chance.integers(1, 9)),
            "property_type": str(chance.choice(["apartment", "house"])),
            "land_m2": None if chance.random() < 0.2 else float(chance.integers(10, 4000)),
        }
        for _ in range(number)
    ]


def profiled(cache: ModelCache, version: str, factor: float) -> str:
    """Installs a version of housing that knows its training data."""
    document = housing_document("housing", factor)
    document["metrics"] = {"mae": 20_000.0, "rmse": 30_000.0, "mape": 0.1}
    rows = homes(800, 1)
    columns = {item["name"]: [row.get(item["name"]) for row in rows] for item in HOUSING_INPUTS}
    inputs = PackageDocument.model_validate(document).inputs
    profile = build_profile(inputs, columns, np.linspace(50_000, 900_000, 800))
    return install(cache, "housing", version, factor, document=document, profile=profile)


def load(service: LiveService, seconds: float) -> int:
    """Predictions of all kinds, good and bad, and what was true of them; how many were answered."""
    end, asked = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        rows = homes(5, asked)
        answer = service.predict("housing", *rows)
        assert answer.status == 200
        service.predict("iris", FLOWER)
        service.predict("housing", {**rows[0], "rooms": "many"})
        service.get("/nowhere")
        truths = [
            {"request_id": answer.headers["x-request-id"], "row": row, "actual": 250_000 + asked}
            for row in range(5)
        ]
        url = f"http://127.0.0.1:{service.port}/feedback"
        requests.post(url, json=truths, timeout=10).raise_for_status()
        asked += 1
    return asked


def test_every_panel_of_every_dashboard_has_data(
    make_service: MakeService, cache: ModelCache, tmp_path: Path
) -> None:
    profiled(cache, "2", 1.0)
    service = make_service(VIGIE_CHALLENGER_SHARE="1")
    service.start()
    service.wait_ready()
    with watched(tmp_path, service) as url:
        asked = load(service, LOAD_SECONDS / 2)
        champion = profiled(cache, "3", 1.1)
        challenger = profiled(cache, "4", 1.2)
        cache.point("housing", champion)
        cache.point("housing", challenger, CHALLENGER)
        asked += load(service, LOAD_SECONDS / 2)
        tell(f"{asked} rounds of requests")
        end = time.monotonic() + LONGEST_LAG_SECONDS
        while (missing := unanswered(url)) and time.monotonic() < end:
            time.sleep(SCRAPE_SECONDS)
        assert missing == []
