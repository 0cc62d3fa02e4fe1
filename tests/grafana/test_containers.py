"""The panels on containers, with series named and labelled as cAdvisor's Prometheus page does."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from grafana.pages import OPT_IN, PAGES, panels
from grafana.queries import settle

MINUTES = 10
IN_SECONDS = {
    # cores, share, share, processes a minute: what is put in, and must come out
    "Processor by container": 0.5,
    "Throttled": 0.25,
    "Memory by container": 0.75,
    "Ended for want of memory": 2,
}
APP = 'name="vigie-ml-app-1", id="/docker/4f2", image="vigie-serve:latest", cpu="total"'
FREE = 'name="vigie-gateway-1", id="/docker/9ab", image="haproxy:3.2.26", cpu="total"'
# the machine itself, and a slice of systemd: neither is a container
OTHERS = ('id="/", cpu="total"', 'id="/system.slice", cpu="total"')


def series() -> dict[str, str]:
    """By labels: a sample every 15 seconds."""
    times = MINUTES * 4
    counters = {
        "container_cpu_usage_seconds_total": 7.5,
        "container_cpu_cfs_periods_total": 120,
        "container_cpu_cfs_throttled_periods_total": 30,
        "container_oom_events_total": 0.5,
    }
    gauges = {
        "container_memory_working_set_bytes": 768,
        "container_spec_memory_limit_bytes": 1024,
    }
    found = {}
    for labels in (APP, *OTHERS):
        for name, growth in counters.items():
            found[f'{name}{{job="cadvisor", {labels}}}'] = f"0+{growth}x{times}"
        for name, value in gauges.items():
            found[f'{name}{{job="cadvisor", {labels}}}'] = f"{value}x{times}"
    # without limits there are no periods, and the limit of the memory is 0
    found[f'container_cpu_usage_seconds_total{{job="cadvisor", {FREE}}}'] = f"0+7.5x{times}"
    found[f'container_memory_working_set_bytes{{job="cadvisor", {FREE}}}'] = f"768x{times}"
    found[f'container_spec_memory_limit_bytes{{job="cadvisor", {FREE}}}'] = f"0x{times}"
    return found


def asked() -> dict[str, str]:
    """The query of each panel that needs cAdvisor."""
    return {
        panel["title"]: target["expr"]
        for panel in panels(PAGES["machine"])
        for target in panel.get("targets", [])
        if OPT_IN in target["expr"]
    }


def test_these_panels_say_what_they_need_where_it_is_not_there() -> None:
    found = [panel for panel in panels(PAGES["machine"]) if panel["title"] in asked()]
    assert {panel["title"] for panel in found} == set(IN_SECONDS)
    for panel in found:
        assert "cAdvisor" in panel["description"]
        page = panel["fieldConfig"]["defaults"]["noValue"].rpartition(" ")[2]
        assert (Path(__file__).parents[2] / page).is_file()


@pytest.mark.parametrize("title", IN_SECONDS)
def test_a_panel_shows_what_cadvisor_counts(promtool: str, tmp_path: Path, title: str) -> None:
    (query,) = settle(asked()[title])
    expected = [{"labels": '{name="vigie-ml-app-1"}', "value": IN_SECONDS[title]}]
    if title == "Processor by container":
        expected.append({"labels": '{name="vigie-gateway-1"}', "value": IN_SECONDS[title]})
    case = {
        "interval": "15s",
        "input_series": [{"series": name, "values": said} for name, said in series().items()],
        "promql_expr_test": [
            {"expr": query, "eval_time": f"{MINUTES - 1}m", "exp_samples": expected}
        ],
    }
    path = tmp_path / "panels.yml"
    path.write_text(yaml.safe_dump({"evaluation_interval": "15s", "tests": [case]}))
    done = subprocess.run(
        [promtool, "test", "rules", str(path)], capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
