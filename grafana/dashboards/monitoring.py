"""Monitoring itself: who is scraped, whether rules run and alerts leave, the prediction log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from dashboards import frame
from dashboards.frame import REPLICA, since
from dashboards.panels import Face, Query, alerts, graph, number, rising, rows

if TYPE_CHECKING:
    from dashboards.panels import Steps

UP: Steps = ((None, "red"), (1, "green"))


def build() -> Dashboard:
    """The dashboard."""
    board = frame.dashboard(
        "monitoring",
        "Monitoring itself",
        "Scrapes, rules, alerts, the prediction log.",
        hours=6,
    )
    board.with_variable(frame.replica())
    _alerts(board)
    _scrapes(board)
    _rules(board)
    _prediction_log(board)
    return board


def _alerts(board: Dashboard) -> None:
    board.with_row(Row("Alerts"))
    board.with_panel(alerts(
        Face("Alerts", "What fires and what is about to, with summary and runbook. The watchdog "
             "always fires: it proves that the chain works.", "none", rising(1, 2), width=12,
             height=10),
    )).with_panel(rows(
        Face("Alerts as series", "The same from Prometheus' own series, for all labels; firing "
             "or pending.", "none", width=12, height=10),
        Query("sum by (alertname, alertstate, severity, model, version, instance) (ALERTS)",
              "number"),
    ))  # fmt: skip


def _scrapes(board: Dashboard) -> None:
    board.with_row(Row("Scrapes"))
    board.with_panel(rows(
        Face("Targets", "1: the last scrape worked; 0: it did not. A target that is missing here "
             "was never found.", "none", UP),
        Query("min by (job, instance) (up)", "up"),
    )).with_panel(graph(
        Face("Time of a scrape", "How long the slowest target of a job takes to answer.", "s",
             rising(0.1, 1)),
        Query("max by (job) (scrape_duration_seconds)", "{{job}}"),
    )).with_panel(graph(
        Face("Series of a scrape", "Series that the targets of a job give; one that grows all the "
             "time has a label without bounds.", "short", rising(20_000, 100_000)),
        Query("sum by (job) (scrape_samples_scraped)", "{{job}}"),
    ))  # fmt: skip


def _rules(board: Dashboard) -> None:
    board.with_row(Row("Prometheus and Alertmanager"))
    board.with_panel(graph(
        Face("Time of the rules", "Time that a group of rules takes, by its interval; at 1 it "
             "falls behind.", "percentunit", rising(0.5, 0.9), width=6),
        Query("max by (rule_group) (prometheus_rule_group_last_duration_seconds"
              " / prometheus_rule_group_interval_seconds)", "{{rule_group}}"),
    )).with_panel(graph(
        Face("Rules that failed", "Rules a second that could not be evaluated, or were skipped "
             "because the last time was not over.", "cps", rising(0.001, 0.1), width=6),
        Query("sum(rate(prometheus_rule_evaluation_failures_total[$__rate_interval]))", "failed"),
        Query("sum(rate(prometheus_rule_group_iterations_missed_total[$__rate_interval]))",
              "skipped"),
    )).with_panel(graph(
        Face("Alerts lost", "Alerts a second that did not reach Alertmanager, and notifications "
             "that did not reach their receiver.", "cps", rising(0.001, 0.1), width=6),
        Query("sum(rate(prometheus_notifications_dropped_total[$__rate_interval]))",
              "to Alertmanager"),
        Query("sum(rate(alertmanager_notifications_failed_total[$__rate_interval]))",
              "to receivers"),
    )).with_panel(graph(
        Face("Series in memory", "Series that Prometheus holds; its memory follows them.",
             "short", rising(200_000, 1_000_000), width=6),
        Query("sum(prometheus_tsdb_head_series)", "series"),
    ))  # fmt: skip


def _prediction_log(board: Dashboard) -> None:
    board.with_row(Row("Prediction log"))
    outcome = f"vigie_prediction_log_rows_total{{{REPLICA}}}"
    last = f"vigie_prediction_log_last_success_timestamp_seconds{{{REPLICA}}}"
    board.with_panel(graph(
        Face("Rows", "Predicted rows a second by what became of them: written; sampled out above "
             "the rate cap; dropped, the queue was full; failed, the database refused them.",
             "rowsps"),
        Query(f"sum by (outcome) (rate({outcome}[$__rate_interval]))", "{{outcome}}"),
        stacked=True,
    )).with_panel(graph(
        Face("Waiting to be written", "Rows in the queue, by replica. At its bound rows are "
             "dropped; requests never wait.", "short", rising(1_000, 10_000)),
        Query(f"sum by (instance) (vigie_prediction_log_queue_rows{{{REPLICA}}})",
              "{{instance}}"),
    )).with_panel(number(
        Face("Last written", "Time since the database last took rows. It grows while nobody "
             "predicts, too.", "s", rising(300, 3_600)),
        Query(since(last)),
    ))  # fmt: skip
