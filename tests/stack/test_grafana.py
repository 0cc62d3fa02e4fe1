"""Grafana in the stack, where its image can be had: every dashboard is there and has data."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from support.compose import HOUSE, ROOT, Stack, require_engine, stack
from support.waiting import wait_until


@pytest.fixture(scope="module")
def grafana() -> Iterator[tuple[Stack, str]]:
    require_engine()
    image = Stack().config()["services"]["grafana"]["image"]
    found = subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False)
    if found.returncode:
        pytest.skip(f"the image {image} is not on this machine: docker pull {image}")
    with stack() as made:
        made.up()
        for _ in range(50):
            made.predict("housing", HOUSE)
        # seen twice, so that there is a rate
        wait_until(lambda: made.query("count_over_time(vigie_predictions_total[5m]) > 1"), 120)
        yield made, f"http://127.0.0.1:{made.environment['GRAFANA_PORT']}"


def _dashboards(url: str) -> list[dict[str, Any]]:
    listed = requests.get(f"{url}/api/search?type=dash-db", timeout=20).json()
    return [
        requests.get(f"{url}/api/dashboards/uid/{one['uid']}", timeout=20).json()["dashboard"]
        for one in listed
    ]


def test_every_dashboard_is_provisioned(grafana: tuple[Stack, str]) -> None:
    committed = {path.stem for path in (ROOT / "grafana" / "dashboards").glob("*.json")}
    assert len(_dashboards(grafana[1])) == len(committed)


def test_every_query_is_answered(grafana: tuple[Stack, str]) -> None:
    url = grafana[1]
    for dashboard in _dashboards(url):
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                expression = target["expr"].replace("$__rate_interval", "1m")
                expression = expression.replace("$window", "1h")
                for name in ("$model", "$version", "$replica", "$feature", "$machine"):
                    expression = expression.replace(name, ".*")
                query = {
                    "refId": "A", "expr": expression, "instant": True,
                    "datasource": {"type": "prometheus", "uid": "prometheus"},
                }  # fmt: skip
                answer = requests.post(
                    f"{url}/api/ds/query",
                    json={"queries": [query], "from": "now-5m", "to": "now"}, timeout=20,
                )  # fmt: skip
                assert answer.ok, (panel["title"], expression, answer.text)


def test_nobody_changes_anything(grafana: tuple[Stack, str]) -> None:
    answer = requests.post(f"{grafana[1]}/api/dashboards/db", json={"dashboard": {}}, timeout=20)
    assert answer.status_code in {401, 403}
    login = {"user": "admin", "password": "admin"}
    assert requests.post(f"{grafana[1]}/login", json=login, timeout=20).status_code == 401
