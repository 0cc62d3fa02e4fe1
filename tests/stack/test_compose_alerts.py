"""Who is told of alerts, on a real engine: what cannot arrive is told at start."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import yaml

from support.compose import Stack, require_engine

SERVICES = ("prometheus", "alertmanager")
SECRET = "http://alertmanager:9093/-/ready"


@pytest.fixture
def alerts(tmp_path: Path) -> Iterator[Stack]:
    require_engine()
    held = tmp_path / "secrets"
    held.mkdir()
    held.chmod(0o755)
    for folder in tmp_path.parents[:2]:
        folder.chmod(0o755)
    overlay = tmp_path / "secrets.yml"
    mount = {"volumes": [f"{held}:/run/secrets:ro"]}
    settings = {"environment": {"VIGIE_ALERT_WEBHOOK_URL_FILE": "${TEST_WEBHOOK-}"}}
    # a receiver on another network than the operator's: one of the stack's own
    receivers = {**mount, **settings, "networks": ["operator", "monitoring"]}
    overlay.write_text(
        yaml.safe_dump({"services": {"receivers": receivers, "alertmanager": mount}})
    )
    made = Stack(files=("docker-compose.yml", overlay))
    made.environment["TEST_SECRETS"] = str(held)
    made.build("secrets")
    try:
        yield made
    finally:
        made.down()


def status_of(stack: Stack) -> str:
    """The configuration that Alertmanager runs with."""
    port = stack.environment["ALERTMANAGER_PORT"]
    answer = requests.get(f"http://127.0.0.1:{port}/api/v2/status", timeout=10)
    text: str = answer.json()["config"]["original"]
    return text


def test_who_cannot_be_told_is_named_at_start_and_nothing_else_suffers(alerts: Stack) -> None:
    alerts.compose("up", "--detach", "--wait", *SERVICES)
    assert "alerts go to: nobody\n" in alerts.compose("logs", "--no-log-prefix", "receivers").stdout
    before = alerts.containers("prometheus")

    secret = Path(alerts.environment["TEST_SECRETS"]) / "webhook"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    alerts.environment["TEST_WEBHOOK"] = "/run/secrets/webhook"
    refused = alerts.compose("up", "--detach", "--wait", *SERVICES, check=False)
    assert refused.returncode == 1
    assert "receivers" in refused.stderr
    told = alerts.compose("logs", "--no-log-prefix", "receivers")
    assert (
        "VIGIE_ALERT_WEBHOOK_URL_FILE: /run/secrets/webhook cannot be read by the user 65534"
        in (told.stdout + told.stderr)
    )
    assert alerts.containers("prometheus") == before
    assert "url_file" not in status_of(alerts)

    secret.chmod(0o644)
    alerts.compose("up", "--detach", "--wait", *SERVICES)
    assert "url_file: /run/secrets/webhook" in status_of(alerts)
    # Alertmanager's own page takes no message: it came there, and its words are told
    tried = alerts.compose("run", "--rm", "-T", "receivers", "test", check=False)
    assert tried.stdout.startswith("webhook: FAILED: 405"), tried.stdout + tried.stderr


def test_links_of_messages_lead_to_where_the_reader_can_go(alerts: Stack) -> None:
    alerts.environment["VIGIE_ALERTMANAGER_PUBLIC_URL"] = "https://alerts.example.org/a"
    alerts.compose("up", "--detach", "--wait", *SERVICES)
    port = alerts.environment["PROMETHEUS_PORT"]
    flags = requests.get(f"http://127.0.0.1:{port}/api/v1/status/flags", timeout=10).json()["data"]
    assert flags["web.external-url"] == f"http://localhost:{port}"
    command = alerts.config()["services"]["alertmanager"]["command"]
    assert "--web.external-url=https://alerts.example.org/a" in command
    # the health check and Prometheus ask without that path
    connection = http.client.HTTPConnection(
        "127.0.0.1", int(alerts.environment["ALERTMANAGER_PORT"]), timeout=10
    )
    connection.request("GET", "/-/ready")
    assert connection.getresponse().status == 200
    connection.close()
