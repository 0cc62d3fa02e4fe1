"""Service: how many requests, how many fail, how long they take, what waits."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from dashboards import frame
from dashboards.frame import MODEL, REPLICA, VERSION, quantile
from dashboards.panels import Face, Query, graph, heat, number, rising

BUDGET = 0.001
"""The share of requests that may fail: 99.9 % over 30 days."""

REQUESTS = f"vigie_http_requests_total{{{REPLICA}}}"
SECONDS = f'vigie_http_request_duration_seconds_bucket{{{REPLICA}, method="POST"}}'
OBJECTIVE = 'route!~"/livez|/readyz|/health|/ping|/metrics|.*/(live|ready)"'
"""The objective is about what callers ask for, and not about probes."""
ASKED = f"vigie_http_requests_total{{{REPLICA}, {OBJECTIVE}}}"
ERRORS = f'vigie_http_requests_total{{{REPLICA}, {OBJECTIVE}, code=~"5.."}}'
STAGE = f"vigie_stage_duration_seconds_bucket{{{VERSION}, {REPLICA}}}"
LATENCY = rising(0.1, 0.25)


def build() -> Dashboard:
    """The dashboard."""
    board = frame.dashboard("service", "Service", "Rate, errors, latency, and what waits.")
    for variable in (frame.model(), frame.version(), frame.replica()):
        board.with_variable(variable)
    _now(board)
    _traffic(board)
    _budget(board)
    _latency(board)
    _saturation(board)
    return board


def _share_of_errors(*labels: str) -> str:
    kept = f"by ({', '.join(labels)}) " if labels else ""
    every = f"sum {kept}(rate({ASKED}[$__rate_interval]))"
    # without a single error there is no series of errors: that is a zero
    return f"(sum {kept}(rate({ERRORS}[$__rate_interval])) or 0 * {every}) / {every}"


def _now(board: Dashboard) -> None:
    board.with_row(Row("Now"))
    board.with_panel(number(
        Face("Requests", "Requests answered a second, all routes together.", "reqps",
             width=4, height=4),
        Query(f"sum(rate({REQUESTS}[$__rate_interval]))"),
    )).with_panel(number(
        Face("Errors", "Share of requests answered with a 5xx code, without probes. The "
             "objective allows 0.1 %.", "percentunit", rising(BUDGET, 14.4 * BUDGET),
             width=4, height=4),
        Query(_share_of_errors()),
    )).with_panel(number(
        Face("p99", "99 of 100 POST requests take less than this.", "s", LATENCY,
             width=4, height=4),
        Query(quantile(0.99, SECONDS)),
    )).with_panel(number(
        Face("In flight", "Requests that are being answered now.", "short", width=4, height=4),
        Query(f"sum(vigie_http_requests_in_progress{{{REPLICA}}})"),
    )).with_panel(number(
        Face("Waiting", "Requests that wait for a model. A queue that stays is too little power.",
             "short", rising(16, 64), width=4, height=4),
        Query(f"sum(vigie_queue_depth{{{MODEL}, {REPLICA}}})"),
    )).with_panel(number(
        Face("Workers", "Worker processes alive on all replicas. Red: nobody answers.", "short",
             ((None, "red"), (1, "green")), width=4, height=4),
        Query(f"sum(vigie_workers{{{REPLICA}}})"),
    ))  # fmt: skip


def _traffic(board: Dashboard) -> None:
    board.with_row(Row("Rate and errors"))
    board.with_panel(graph(
        Face("Requests by route", "Requests answered a second, by route template.", "reqps"),
        Query(f"sum by (route) (rate({REQUESTS}[$__rate_interval]))", "{{route}}"),
        stacked=True,
    )).with_panel(graph(
        Face("Requests by code", "Requests answered a second, by status code. 4xx: the caller's "
             "mistake; 503: full or no model; 504: too late; 500: ours.", "reqps"),
        Query(f"sum by (code) (rate({REQUESTS}[$__rate_interval]))", "{{code}}"),
        stacked=True,
    )).with_panel(graph(
        Face("Errors by route", "Share of requests answered with a 5xx code, by route, without "
             "probes.", "percentunit", rising(BUDGET, 14.4 * BUDGET)),
        Query(_share_of_errors("route"), "{{route}}"),
    ))  # fmt: skip


def _budget(board: Dashboard) -> None:
    board.with_panel(graph(
        Face("Error budget burn", "How many times faster than allowed the budget of 0.1 % of a "
             "month is spent, on the worst route. 14.4 pages over 5 m and 1 h, 6 over 30 m and "
             "6 h, 1 makes a ticket over 3 days. All replicas.", "none", rising(6, 14.4),
             width=12),
        *(Query(f"max(route:vigie_http_errors:ratio_rate{span}{{{OBJECTIVE}}}) / {BUDGET}", span)
          for span in ("5m", "1h", "6h", "3d")),
    )).with_panel(graph(
        Face("Rejected", "Requests a second that were turned away before they ran, and "
             "connections closed because the caller was slow or the worker full, by reason.",
             "cps", rising(1, 10), width=12),
        Query(f"sum by (reason) (rate(vigie_rejected_total{{{REPLICA}}}[$__rate_interval]))",
              "request: {{reason}}"),
        Query("sum by (reason) (rate("
              f"vigie_connections_dropped_total{{{REPLICA}}}[$__rate_interval]))",
              "connection: {{reason}}"),
    ))  # fmt: skip


def _latency(board: Dashboard) -> None:
    board.with_row(Row("Latency"))
    board.with_panel(graph(
        Face("Latency", "Time from a POST request's arrival to its answer: half, 95 and 99 of "
             "100 requests take less.", "s", LATENCY),
        *(Query(quantile(share, SECONDS), f"p{share * 100:.0f}") for share in (0.5, 0.95, 0.99)),
    )).with_panel(graph(
        Face("p99 by route", "99 of 100 POST requests to a route take less than this.", "s",
             LATENCY),
        Query(quantile(0.99, SECONDS, "route"), "{{route}}"),
    )).with_panel(heat(
        Face("Latency of all requests", "POST requests by duration; darker means more. Two bands "
             "are two kinds of requests.", "s", LATENCY),
        Query(f"sum by (le) (rate({SECONDS}[$__rate_interval]))", "{{le}}"),
        buckets=True,
    )).with_panel(graph(
        Face("Stages, p95", "95 of 100 predictions spend less than this in a stage: waiting for "
             "the model, reading the body, the model, writing the answer.", "s", LATENCY,
             width=12),
        Query(quantile(0.95, STAGE, "stage"), "{{stage}}"),
    )).with_panel(graph(
        Face("Stages, mean", "Mean time of a prediction, by stage; the sum is what the service "
             "adds to the caller's wait.", "s", LATENCY, width=12),
        Query("sum by (stage) (rate(vigie_stage_duration_seconds_sum"
              f"{{{VERSION}, {REPLICA}}}[$__rate_interval])) / sum by (stage) (rate("
              f"vigie_stage_duration_seconds_count{{{VERSION}, {REPLICA}}}[$__rate_interval]))",
              "{{stage}}"),
        stacked=True,
    ))  # fmt: skip


def _saturation(board: Dashboard) -> None:
    board.with_row(Row("Saturation"))
    board.with_panel(graph(
        Face("In flight by replica", "Requests that are being answered, by replica.", "short"),
        Query(f"sum by (instance) (vigie_http_requests_in_progress{{{REPLICA}}})", "{{instance}}"),
    )).with_panel(graph(
        Face("Queue by model", "Requests that wait for the model.", "short", rising(16, 64)),
        Query(f"sum by (model) (vigie_queue_depth{{{MODEL}, {REPLICA}}})", "{{model}}"),
    )).with_panel(graph(
        Face("Connections", "Connections that callers hold open, by replica.", "short"),
        Query(f"sum by (instance) (vigie_connections{{{REPLICA}}})", "{{instance}}"),
    ))  # fmt: skip
