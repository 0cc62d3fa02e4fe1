"""Data: whether inputs and predictions still look as in training, and how wrong the model is."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from dashboards import frame
from dashboards.frame import REPLICA, VERSION
from dashboards.panels import (
    Face,
    Query,
    bars,
    distribution,
    falling,
    graph,
    heat,
    number,
    rising,
)

DRIFT = rising(0.1, 0.25)
"""A PSI below 0.1 is no change, above 0.25 a large one."""

FEATURE_PSI = f"model_version_feature:vigie_feature_psi:increase$window{{{VERSION}}}"
PREDICTION_PSI = f"model_version:vigie_prediction_psi:increase$window{{{VERSION}}}"
JOINED = f"sum by (model, version) (increase(vigie_feedback_joined_total{{{VERSION}}}[$window]))"
KNOWN_OR_NOT = 'model=~"$model|", version=~"$version|"'
"""Truths whose prediction is not found have no model and no version."""
RANGE = '"(.+)[.][.].+"'


def build() -> Dashboard:
    """The dashboard."""
    board = frame.dashboard(
        "data",
        "Data",
        "Drift of inputs and predictions, live error by feedback.",
        hours=24,
    )
    for variable in (
        frame.model(single=True), frame.version(single=True), frame.replica(), frame.feature(),
        frame.window(),
    ):  # fmt: skip
        board.with_variable(variable)
    _drift(board)
    _shares(board)
    _inputs(board)
    _error(board)
    _labels(board)
    return board


def _drift(board: Dashboard) -> None:
    board.with_row(Row("Drift"))
    board.with_panel(heat(
        Face("PSI of the inputs", "Population stability index of each input over the window, all "
             "replicas: green is as in training, red above 0.25 is another population. Needs 500 "
             "rows in the window.", "none", DRIFT, width=12, height=10, top=0.5),
        Query(FEATURE_PSI, "{{feature}}"),
    )).with_panel(bars(
        Face("PSI of the inputs, now", "The last value of each input: below 0.1 no change, above "
             "0.25 a large one.", "none", DRIFT, width=6, height=10, top=0.5, to_version=True),
        Query(f"sort_desc({FEATURE_PSI})", "{{feature}}"),
    )).with_panel(graph(
        Face("PSI of the prediction", "The same for what the model answers. It moves with the "
             "inputs, or with the model.", "none", DRIFT, width=6, height=10, to_version=True),
        Query(PREDICTION_PSI, "{{model}} {{version}}"),
    ))  # fmt: skip


def _shares(board: Dashboard) -> None:
    board.with_row(Row("Distributions against training"))
    board.with_panel(distribution(
        Face("Predictions", "Share of the predictions in each bin: live over the window, and in "
             "training.", "percentunit", width=12, height=9),
        Query(_live("vigie_prediction_bin_total", VERSION), "live"),
        Query(_reference("vigie_prediction_reference_ratio", VERSION), "training"),
    )).with_panel(distribution(
        Face("Input: $feature", "Share of the rows in each bin of the chosen input: live over "
             "the window, and in training.", "percentunit", width=12, height=9),
        Query(_live("vigie_feature_bin_total", f'{VERSION}, feature="$feature"'), "live"),
        Query(_reference("vigie_feature_reference_ratio", f'{VERSION}, feature="$feature"'),
              "training"),
    ))  # fmt: skip


def _live(metric: str, labels: str) -> str:
    rows = f"increase({metric}{{{labels}, {REPLICA}}}[$window])"
    return _with_edge(f"sum by (bin) ({rows}) / scalar(sum({rows}))")


def _reference(metric: str, labels: str) -> str:
    return _with_edge(f"max by (bin) ({metric}{{{labels}}})")


def _with_edge(shares: str) -> str:
    """Adds the lower end of a numeric bin as a label; bins without one come last."""
    last = f'label_replace({shares}, "edge", "1e308", "bin", ".*")'
    return f'label_replace({last}, "edge", "$1", "bin", {RANGE})'


def _inputs(board: Dashboard) -> None:
    board.with_row(Row("Inputs"))
    shares = rising(0.05, 0.2)
    board.with_panel(graph(
        Face("Missing", "Share of the rows that leave an input out.", "percentunit", shares),
        Query(_share("missing"), "{{feature}}"),
    )).with_panel(graph(
        Face("Outside training", "Share of the rows with a value below or above all of training, "
             "or a choice that training did not have.", "percentunit", shares),
        Query(_share("below|above|other"), "{{feature}}"),
    )).with_panel(graph(
        Face("Warnings to callers", "Values a second that were answered with the warning that "
             "training never saw them.", "cps", rising(1, 10)),
        Query("sum by (feature) (rate(vigie_input_outside_range_total"
              f"{{{VERSION}, {REPLICA}}}[$__rate_interval]))", "{{feature}}"),
    ))  # fmt: skip


def _share(bins: str) -> str:
    counted = f"vigie_feature_bin_total{{{VERSION}, {REPLICA}"
    return (
        f'sum by (feature) (rate({counted}, bin=~"{bins}"}}[$__rate_interval]))'
        f" / sum by (feature) (rate({counted}}}[$__rate_interval]))"
    )


def _live_error(kinds: str) -> str:
    errors = f'vigie_feedback_error_sum{{{VERSION}, kind=~"{kinds}"}}'
    return (
        f"sum by (model, version, kind) (increase({errors}[$window]))"
        f" / on (model, version) group_left () {JOINED}"
    )


def _training_error(kinds: str) -> str:
    errors = f'vigie_model_training_error{{{VERSION}, kind=~"{kinds}"}}'
    return f"max by (model, version, kind) ({errors})"


def _error(board: Dashboard) -> None:
    board.with_row(Row("Live error (needs feedback)"))
    plain = "absolute|wrong"
    outside = _live_error("outside_interval")
    board.with_panel(graph(
        Face("Live error", "Mean over the joined truths of the window, beside the same figure on "
             "held-out rows in training: the absolute error in the prediction's unit, or the "
             "share of wrong labels.", "none", to_version=True),
        Query(_live_error(plain), "live, {{kind}}"),
        Query(_training_error(plain), "training, {{kind}}"),
    )).with_panel(graph(
        Face("Live error by training error", "1 is as good as in training. Squared errors weigh "
             "the large mistakes.", "none", rising(1.25, 1.5), to_version=True),
        Query(f"{_live_error('.*')} / on (model, version, kind) {_training_error('.*')}",
              "{{kind}}"),
    )).with_panel(graph(
        Face("Interval coverage", "Share of the truths inside the interval that came with the "
             "prediction; the interval promises 90 %. Without data: the model gives none.",
             "percentunit", falling(0.8, 0.87), top=1, to_version=True),
        Query(f"1 - {outside}", "{{model}} {{version}}"),
    ))  # fmt: skip


def _labels(board: Dashboard) -> None:
    board.with_row(Row("Feedback"))
    delay = f"vigie_feedback_label_delay_seconds_bucket{{{VERSION}, {REPLICA}}}"
    answered = f"sum by (model, version) (increase(vigie_predictions_total{{{VERSION}}}[$window]))"
    board.with_panel(graph(
        Face("Truths by outcome", "Truths a second. Joined: compared with its prediction; "
             "conflict: another truth came first; not logged: the prediction was not kept; "
             "unknown: no such prediction.", "cps"),
        Query(f"sum by (outcome) (rate(vigie_feedback_total{{{KNOWN_OR_NOT}, {REPLICA}}}"
              "[$__rate_interval]))", "{{outcome}}"),
    )).with_panel(graph(
        Face("Time to the truth", "From a prediction to its truth: half and 95 of 100 take less. "
             "The live error is that old.", "s"),
        *(Query(f"histogram_quantile({share}, sum by (le) (increase({delay}[$window])))",
                f"p{share * 100:.0f}") for share in (0.5, 0.95)),
    )).with_panel(number(
        Face("Rows with a truth", "Truths joined over rows answered in the window. A small share "
             "makes the live error uncertain.", "percentunit",
             ((None, "orange"), (0.01, "green")), top=1),
        Query(f"{JOINED} / {answered}", "{{model}} {{version}}"),
    ))  # fmt: skip
