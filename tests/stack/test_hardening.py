"""Every service of the rendered stack keeps to every rule."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.hardening import EXCEPTIONS, PUBLIC, findings

ROOT = Path(__file__).parents[2]
LAPTOP = ("docker-compose.yml",)
MLFLOW_PORT = "5055"
PRODUCTION = ("docker-compose.yml", "docker-compose.prod.yml")


def _render(*files: str) -> dict[str, Any]:
    variables = {
        "VIGIE_DOMAIN": "vigie.example.org", "VIGIE_CERTIFICATES": "./certificates",
        "MLFLOW_PORT": MLFLOW_PORT,
    }  # fmt: skip
    done = subprocess.run(
        ["docker", "compose", "--profile", "*", "config", "--format", "json"],
        cwd=ROOT, env={**os.environ, **variables, "COMPOSE_FILE": ":".join(files)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("files", "exceptions"),
    [
        (LAPTOP, EXCEPTIONS),
        (PRODUCTION, EXCEPTIONS | PUBLIC),
        ((*LAPTOP, "docker-compose.dev.yml"), EXCEPTIONS),
        ((*LAPTOP, "docker-compose.retrain.yml"), EXCEPTIONS),
    ],
)
def test_every_service_keeps_to_the_rules(
    files: tuple[str, ...], exceptions: dict[tuple[str, str], str]
) -> None:
    assert findings(_render(*files)["services"], exceptions) == []


@pytest.mark.parametrize("files", [LAPTOP, (*LAPTOP, "docker-compose.retrain.yml")])
def test_each_image_is_built_by_one_service(files: tuple[str, ...]) -> None:
    # Compose labels an image with the service that built it: two builders undo each other's work
    services = _render(*files)["services"].values()
    built = [service["image"] for service in services if "build" in service]
    assert len(built) == len(set(built)) == 6


def test_networks_without_a_way_out() -> None:
    networks = _render(*LAPTOP)["networks"]
    assert {name for name, one in networks.items() if not one.get("internal")} == {
        "edge", "operator"
    }  # fmt: skip


def test_who_is_on_which_network() -> None:
    services = _render(*LAPTOP)["services"]
    on = {name: set(service.get("networks") or ()) for name, service in services.items()}
    members = {
        network: {name for name, held in on.items() if network in held}
        for network in ("edge", "app", "data", "tracking", "spark")
    }
    assert members == {
        "edge": {"gateway", "load", "load-worker"},
        "app": {"gateway", "ml-app"},
        "data": {"postgres", "mlflow-migrate", "mlflow", "ml-app"},
        "tracking": {"mlflow", "trainer", "model-sync", "importer"},
        "spark": {"spark-master", "spark-worker", "spark"},
    }


def test_the_service_gets_no_credentials_of_mlflow() -> None:
    for files in (LAPTOP, PRODUCTION):
        service = _render(*files)["services"]["ml-app"]
        parts = {mount.get("volume", {}).get("subpath") for mount in service["volumes"]}
        assert parts <= {None, "ml-app", "apikeys"}
        assert "VIGIE_MLFLOW_URL" not in service["environment"]


def test_what_production_asks_and_allows() -> None:
    production = _render(*PRODUCTION)["services"]
    # with a path of its own Grafana answers elsewhere by a redirect, which curl takes for good
    asked = production["grafana"]["healthcheck"]["test"][-1]
    path = production["grafana"]["environment"]["GF_SERVER_ROOT_URL"].split("vigie.example.org")[1]
    assert asked == f"http://127.0.0.1:3000{path}api/health"
    allowed = production["mlflow"]["environment"]["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    assert f"localhost:{MLFLOW_PORT}" in allowed
