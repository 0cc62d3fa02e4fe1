"""Model: which version serves since when, what it answers, how the challenger fares."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import AnnotationQuery, Dashboard, Row

from dashboards import frame
from dashboards.frame import MODEL, REPLICA, VERSION, quantile, since
from dashboards.panels import DATASOURCE, Face, Query, graph, number, rising, rows

ROWS = f"vigie_batch_rows_bucket{{{MODEL}, {REPLICA}}}"
INFO = f"vigie_model_info{{{MODEL}, {REPLICA}}}"
CHALLENGER = f"{{{MODEL}, {REPLICA}}}[$__rate_interval]"
DAY = 86_400


def promotions() -> AnnotationQuery:
    """A mark wherever a version begins to serve; its title names it."""
    champion = f'vigie_model_info{{{MODEL}, alias="champion"}}'
    return (
        AnnotationQuery()
        .name("Versions that begin to serve")
        .datasource(DATASOURCE)
        .icon_color("blue")
        .title_format("{{model}} {{version}}")
        .expr(
            f"max by (model, version) ({champion}) unless "
            f"max by (model, version) ({champion} offset $__rate_interval)"
        )
    )


def build() -> Dashboard:
    """The dashboard."""
    board = frame.dashboard(
        "model", "Model", "Versions, reloads, predictions, the challenger.", hours=6
    )
    for variable in (frame.model(), frame.version(), frame.replica()):
        board.with_variable(variable)
    board.annotation(promotions())
    _versions(board)
    _changes(board)
    _predictions(board)
    _challenger(board)
    return board


def _versions(board: Dashboard) -> None:
    board.with_row(Row("Versions"))
    board.with_panel(rows(
        Face("Versions that serve", "The versions by alias, and how many replicas have them. A "
             "click leads to the version in MLflow.", "short", width=10, to_version=True),
        Query(f"count by (model, version, alias, engine, run_id) ({INFO})", "replicas"),
    )).with_panel(number(
        Face("Serving since", "Time since the serving version was loaded; a restart counts.",
             "s", ((None, "green"), (90 * DAY, "orange")), width=7),
        Query("time() - max by (model) (vigie_model_loaded_timestamp_seconds"
              f"{{{MODEL}, {REPLICA}}})", "{{model}}"),
    )).with_panel(number(
        Face("Registry last answered", "Time since model-sync reached MLflow. While it "
             "is away, no new version is taken; what serves goes on.", "s", rising(60, 600),
             width=7),
        Query(since(f"vigie_registry_last_success_timestamp_seconds{{{REPLICA}}}")),
    ))  # fmt: skip


def _changes(board: Dashboard) -> None:
    board.with_panel(graph(
        Face("Replicas by version", "How many replicas serve a version. Two versions for longer "
             "than a minute: a replica cannot load the new one.", "short", width=8,
             to_version=True),
        Query(f'count by (model, version) (vigie_model_info{{{MODEL}, {REPLICA}, '
              'alias="champion"})', "{{model}} {{version}}"),
        stacked=True,
    )).with_panel(graph(
        Face("Reloads", "Changes of the serving version by outcome, every worker counts. Refused "
             "and failed leave the last good version in place.", "short", rising(1, 10)),
        Query("sum by (model, outcome) (increase("
              f"vigie_model_reloads_total{{{MODEL}, {REPLICA}}}[$__rate_interval]))",
              "{{model}} {{outcome}}"),
    )).with_panel(graph(
        Face("Time to load", "How long the serving version took to load, verify and warm up.",
             "s", rising(10, 60)),
        Query(f"max by (model) (vigie_model_load_duration_seconds{{{MODEL}, {REPLICA}}})",
              "{{model}}"),
    ))  # fmt: skip


def _predictions(board: Dashboard) -> None:
    board.with_row(Row("Predictions"))
    board.with_panel(graph(
        Face("Rows answered", "Predicted rows a second, by version.", "rowsps",
             to_version=True),
        Query(f"sum by (model, version) (rate(vigie_predictions_total{{{VERSION}, {REPLICA}}}"
              "[$__rate_interval]))", "{{model}} {{version}}"),
        stacked=True,
    )).with_panel(graph(
        Face("Failures", "Requests a second that the model failed on, by reason. A number that "
             "is not finite is the model's, the others are ours.", "cps", rising(0.01, 1),
             to_version=True),
        Query("sum by (model, version, reason) (rate(vigie_prediction_failures_total"
              f"{{{VERSION}, {REPLICA}}}[$__rate_interval]))", "{{model}} {{version}} {{reason}}"),
    )).with_panel(graph(
        Face("Rows in a call", "Rows in one call of the model: half and 95 of 100 calls have "
             "fewer. More rows mean that waiting requests are answered together.", "short"),
        *(Query(quantile(share, ROWS, "model"), f"{{{{model}}}} p{share * 100:.0f}")
          for share in (0.5, 0.95)),
    ))  # fmt: skip


def _challenger(board: Dashboard) -> None:
    board.with_row(Row("Challenger (has data while a version carries that alias)"))
    by = "sum by (model, version)"
    answered = f"{by} (rate(vigie_challenger_rows_total{CHALLENGER}))"
    labels = "{{model}} {{version}}"
    board.with_panel(graph(
        Face("Copies", "Copies of requests a second: answered, not answered, dropped.", "cps",
             width=6, to_version=True),
        Query(f"{by} (rate(vigie_challenger_requests_total{CHALLENGER}))", f"{labels} answered"),
        Query(f"{by} (rate(vigie_challenger_errors_total{CHALLENGER}))", f"{labels} failed"),
        Query(f"{by} (rate(vigie_challenger_dropped_total{CHALLENGER}))", f"{labels} dropped"),
    )).with_panel(graph(
        Face("Different labels", "Share of rows that the challenger labels otherwise than the "
             "champion.", "percentunit", rising(0.05, 0.2), width=6, to_version=True),
        Query(f"{by} (rate(vigie_challenger_different_labels_total{CHALLENGER})) / {answered}",
              labels),
    )).with_panel(graph(
        Face("Relative difference", "Mean relative difference of the challenger's numbers from "
             "the champion's.", "percentunit", rising(0.1, 0.3), width=6, to_version=True),
        Query(f"{by} (rate(vigie_challenger_relative_difference_total{CHALLENGER})) / {answered}",
              labels),
    )).with_panel(graph(
        Face("Time of a copy, p95", "95 of 100 copies take the challenger less than this; "
             "callers do not wait for it.", "s", rising(0.1, 0.25), width=6, to_version=True),
        Query(quantile(0.95, f"vigie_challenger_duration_seconds_bucket{{{MODEL}, {REPLICA}}}",
                       "model", "version"), labels),
    ))  # fmt: skip
