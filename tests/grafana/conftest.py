"""What there is to ask for: the service's metrics, the rules, the exporters."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import yaml

from vigie.monitoring.snapshots import merge, take_snapshot
from vigie.registry.cache import ModelCache
from vigie.serving.metrics import Metrics
from vigie.serving.worker_state import registry_families

RULES = Path(__file__).parents[2] / "prometheus" / "rules"

EXPORTERS = {
    "prometheus, of every target": {
        "up", "scrape_duration_seconds", "scrape_samples_scraped", "ALERTS",
    },
    "prometheus": {
        "prometheus_rule_group_last_duration_seconds", "prometheus_rule_group_interval_seconds",
        "prometheus_rule_evaluation_failures_total",
        "prometheus_rule_group_iterations_missed_total",
        "prometheus_notifications_dropped_total", "prometheus_tsdb_head_series",
    },
    "alertmanager": {"alertmanager_notifications_failed_total"},
    "node": {
        "node_cpu_seconds_total", "node_load1", "node_memory_MemAvailable_bytes",
        "node_memory_MemTotal_bytes", "node_vmstat_pgmajfault", "node_vmstat_oom_kill",
        "node_filesystem_avail_bytes", "node_filesystem_size_bytes",
        "node_disk_io_time_seconds_total", "node_disk_io_time_weighted_seconds_total",
        "node_network_receive_bytes_total", "node_network_transmit_bytes_total",
        "node_network_receive_drop_total", "node_network_receive_errs_total",
        "node_timex_offset_seconds",
    },
    "cadvisor": {
        "container_cpu_usage_seconds_total", "container_cpu_cfs_periods_total",
        "container_cpu_cfs_throttled_periods_total", "container_memory_working_set_bytes",
        "container_spec_memory_limit_bytes", "container_oom_events_total",
    },
    "the process collector of the service": {
        "process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds",
        "process_max_fds", "process_start_time_seconds",
    },
}  # fmt: skip


def exported_metrics() -> set[str]:
    """The names of the samples that the service exports."""
    suffixes = {
        "counter": ("_total",),
        "histogram": ("_bucket", "_sum", "_count"),
        "summary": ("_sum", "_count"),
    }
    exported = [take_snapshot(Metrics().registry), registry_families(ModelCache(Path("absent")))]
    return {
        family["name"] + suffix
        for family in merge(exported)
        for suffix in suffixes.get(family["type"], ("",))
    }


def recorded_series() -> set[str]:
    """The names that the rules of Prometheus record."""
    files = [yaml.safe_load(path.read_text("utf-8")) for path in RULES.rglob("*.y*ml")]
    groups = [group for file in files for group in file.get("groups", [])]
    return {rule["record"] for group in groups for rule in group["rules"] if "record" in rule}


@pytest.fixture(scope="session")
def known_metrics() -> frozenset[str]:
    """Every name that a query may use."""
    exporters = {name for names in EXPORTERS.values() for name in names}
    return frozenset(exporters | exported_metrics() | recorded_series())


@pytest.fixture(scope="session")
def promtool() -> str:
    """Prometheus' own checker, where it is installed."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed")
    return found


@pytest.fixture(scope="session")
def running_prometheus() -> str:
    """The address of a Prometheus that scrapes a stack under load, with feedback and challenger."""
    found = os.environ.get("VIGIE_TEST_PROMETHEUS")
    if not found:
        pytest.skip("VIGIE_TEST_PROMETHEUS names no Prometheus that scrapes a stack under load")
    return found
