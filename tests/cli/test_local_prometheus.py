"""The Prometheus of `vigie run`: only where it is installed and has a port; its rules load."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

import pytest
import requests

from support.ports import free_port
from support.promtool import ROOT
from support.waiting import wait_until
from vigie.cli.local_prometheus import prometheus_command
from vigie.settings import Settings, load_settings

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="prometheus is not installed"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout that a test may write to."""
    (tmp_path / "prometheus").symlink_to(ROOT / "prometheus")
    return tmp_path


@pytest.fixture(autouse=True)
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    """The port on which this machine's Prometheus is to be."""
    free = free_port()
    monkeypatch.setattr("vigie.cli.local_prometheus.PORT", free)
    return free


def settings() -> Settings:
    return load_settings(metrics_port=free_port())


def test_without_the_program_there_is_none(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(root))
    assert prometheus_command(settings(), root) is None


@needs_prometheus
def test_where_the_port_is_taken_there_is_none(root: Path, port: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        assert prometheus_command(settings(), root) is None


@needs_prometheus
def test_it_watches_the_service_with_rules_that_find_their_data(root: Path, port: int) -> None:
    here = settings()
    command = prometheus_command(here, root)
    assert command is not None
    url = f"http://127.0.0.1:{port}/api/v1"
    with (root / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_until(lambda: is_there(f"{url}/targets"), 120)
            (target,) = requests.get(f"{url}/targets", timeout=5).json()["data"]["activeTargets"]
            groups = requests.get(f"{url}/rules", timeout=5).json()["data"]["groups"]
        finally:
            process.terminate()
            process.wait(10)
    assert target["scrapeUrl"] == f"http://127.0.0.1:{here.metrics_port}/metrics"
    alerts = {rule["name"] for group in groups for rule in group["rules"]}
    assert {"FeatureDrift", "ErrorBudgetFastBurn"} <= alerts
    assert "TargetAbsent" not in alerts


def is_there(url: str) -> bool:
    try:
        return bool(requests.get(url, timeout=2).json()["data"]["activeTargets"])
    except (requests.RequestException, ValueError):
        return False
