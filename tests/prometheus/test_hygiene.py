"""Alerts that help the person they wake: complete texts, runbooks, and metrics that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from support.promtool import ROOT, RULES, alerts, rules, seconds
from vigie.serving.metrics import Metrics

ALERTS = alerts()
RUNBOOKS = ROOT / "docs" / "runbooks"
MOST_PAGES = 8

EXPORTERS = {
    "vigie": r"vigie_.*|route:.*|model_version.*|process_start_time_seconds",
    "prometheus": r"up|prometheus_rule_evaluation_failures_total",
    "alertmanager": r"alertmanager_notifications_failed_total",
    "node-exporter": r"node_(filesystem_(avail|size)_bytes|memory_Mem(Available|Total)_bytes"
    r"|timex_(offset_seconds|sync_status|maxerror_seconds))"
    r"|vigie_backup_last_(success|trial)_timestamp_seconds",
    "haproxy": r"haproxy_backend_http_(requests|responses)_total"
    r"|haproxy_server_http_responses_total",
    "blackbox-exporter": r"probe_ssl_earliest_cert_expiry",
}
"""The metrics that rules may take from each exporter."""

ENDINGS = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_count", "_sum"),
    "summary": ("_count", "_sum"),
}
"""What the names of the series of a family end in."""

LOOKED_AT = {
    "ALERTS", "alertmanager_notifications_failed_total", "prometheus_config_last_reload_successful",
    "scrape_duration_seconds",
}  # fmt: skip
"""Metrics of Prometheus itself that runbooks tell to look at besides."""

WORDS = {
    "and", "or", "unless", "on", "by", "without", "group_left", "sum", "min", "max", "count",
    "rate", "increase", "absent", "vector", "time", "abs", "ln", "avg_over_time", "sum_over_time",
    "max_over_time", "predict_linear", "clamp_min", "histogram_quantile", "le",
}  # fmt: skip


def metrics_in(query: str) -> set[str]:
    """The metrics that a query names."""
    bare = re.sub(r'"[^"]*"', "", query)
    bare = re.sub(
        r"\{[^}]*\}|\[[^\]]*\]|\b(by|without|on|group_left|ignoring) *\([^)]*\)", "", bare
    )
    return set(re.findall(r"[a-zA-Z_][\w:]*", bare)) - WORDS


def exported() -> set[str]:
    """What the service exports, and what the rules record."""
    names = set()
    for family in Metrics().registry.collect():
        names |= {family.name + ending for ending in ENDINGS.get(family.type, ("",))}
    names |= set(re.findall(r"`(vigie_\w+)`", read(ROOT / "docs" / "metrics.md")))
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    return names | recorded | {"process_start_time_seconds", "process_resident_memory_bytes"}


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def known(name: str) -> bool:
    """True where the service or one of the other exporters has that metric."""
    if re.fullmatch(EXPORTERS["vigie"], name) or name in exported():
        return name in exported()
    return any(re.fullmatch(pattern, name) for pattern in EXPORTERS.values())


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.get("alert") or rule["record"])
def test_every_metric_in_a_rule_exists(rule: dict[str, str]) -> None:
    found = metrics_in(rule["expr"])
    assert found or rule.get("alert") == "Watchdog"
    assert not {name for name in found if not known(name)}


def test_a_metric_that_does_not_exist_is_found() -> None:
    query = 'sum by (route) (rate(vigie_htp_requests_total{code=~"5.."}[5m])) > 0.1 and up == 0'
    assert metrics_in(query) == {"vigie_htp_requests_total", "up"}
    assert not known("vigie_htp_requests_total")
    assert known("up")


@pytest.mark.parametrize("name", sorted(ALERTS))
def test_an_alert_tells_whom_what_and_where_from(name: str) -> None:
    rule = ALERTS[name]
    texts = rule["annotations"]
    assert set(rule["labels"]) == {"severity", "owner", "service"}
    assert set(texts) == {"summary", "description", "runbook", "exporter"}
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert rule["labels"]["owner"] in {"operations", "data-science"}
    # the one says that there is no value, the other that all is well
    if name not in {"TargetAbsent", "Watchdog"}:
        assert "$value" in texts["summary"]
    assert texts["runbook"] == f"docs/runbooks/{name}.md"
    named = metrics_in(rule["expr"])
    assert all(re.fullmatch(EXPORTERS[texts["exporter"]], metric) for metric in named)


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == set(ALERTS)


@pytest.mark.parametrize("name", sorted(ALERTS))
def test_a_runbook_has_its_parts_and_its_queries_are_good(name: str) -> None:
    rule, text = ALERTS[name], read(RUNBOOKS / f"{name}.md")
    assert text.startswith(f"# {name}\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [
        "What users feel", "How to look", "What to do", "When to relax it",
    ]  # fmt: skip
    labels, texts = rule["labels"], rule["annotations"]
    line = f"Severity {labels['severity']}, owner {labels['owner']}, data from {texts['exporter']}."
    assert line in text
    (queries,) = re.findall(r"```promql\n(.*?)```", text, re.DOTALL)
    named = metrics_in(queries)
    assert named
    assert not {metric for metric in named if not known(metric) and metric not in LOOKED_AT}


def test_pages_are_few_and_on_what_callers_feel() -> None:
    pages = {name for name, rule in ALERTS.items() if rule["labels"]["severity"] == "critical"}
    assert len(pages) <= MOST_PAGES
    assert all(ALERTS[name]["labels"]["service"] == "vigie" for name in pages)


def test_waits_are_sane() -> None:
    for name, rule in ALERTS.items():
        wait = seconds(rule.get("for"))
        assert wait <= 900, name
        # those without a wait look back over a window themselves, or always fire
        if not wait:
            assert re.search(r"\[\d+m\]|ratio_rate|vector\(1\)", rule["expr"]), name
        if rule["labels"]["severity"] == "critical":
            assert wait <= 120, name


def test_faults_are_told_within_three_minutes() -> None:
    config = yaml.safe_load(read(RULES.parent / "prometheus.yml"))["global"]
    route = yaml.safe_load(read(ROOT / "alertmanager" / "alertmanager.yml"))["route"]
    delays = (config["scrape_interval"], config["evaluation_interval"], route["group_wait"])
    # the age that the alert itself waits for
    ages = {"DatabaseDown": 60}
    for name in (
        "VigieDown", "GatewayDown", "ModelVersionRefused", "TargetDown", "DatabaseDown",
        "DiskSpaceLow", "ClockSkew", "CertificateExpiring",
    ):  # fmt: skip
        wait = ages.get(name, 0) + seconds(ALERTS[name].get("for"))
        assert wait + sum(seconds(delay) for delay in delays) <= 180, name


def test_the_windows_of_the_error_budget_are_recorded() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    for window in ("5m", "30m", "1h", "2h", "6h", "1d", "3d"):
        assert f"route:vigie_http_requests:rate{window}" in recorded
        assert f"route:vigie_http_errors:ratio_rate{window}" in recorded


def test_every_job_that_a_rule_names_is_scraped() -> None:
    config = yaml.safe_load(read(RULES.parent / "prometheus.yml"))
    jobs = {job["job_name"] for job in config["scrape_configs"]}
    named = {job for rule in rules() for job in re.findall(r'job="(\w+)"', rule["expr"])}
    assert named
    assert named <= jobs
    services = {rule["labels"]["service"] for rule in ALERTS.values()}
    assert services <= {*jobs, "postgres", "{{ $labels.job }}"}
