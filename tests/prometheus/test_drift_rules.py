"""The recorded drift and live errors agree with numpy, over replicas and windows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from support.promtool import ROOT, RULES, needs_promtool, ramps, run, series

BINS = ("below", "q1", "q2", "q3", "q4", "above", "other", "missing")
TOLERANCE = 0.01
Counts = np.ndarray[tuple[int], np.dtype[np.float64]]

REFERENCE = np.array([0.01, 0.24, 0.24, 0.24, 0.24, 0.01, 0.01, 0.01])
STEADY = np.array([2.0, 52, 46, 48, 50, 2, 0, 0])
SHIFTED = np.array([0.0, 10, 20, 60, 90, 20, 0, 0])
MINUTES = {"1h": 60, "6h": 360, "24h": 1440}


def psi(counts: Counts, reference: Counts) -> float:
    """The population stability index, shares smoothed by half a row a bin."""
    shares = (counts + 0.5) / (counts.sum() + 0.5 * len(counts))
    return float(((shares - reference) * np.log(shares / reference)).sum())


def counters(kind: str, labels: str, counts: Counts, minutes: int) -> dict[str, str]:
    """Two replicas that count these rows between them, evenly over some minutes."""
    shares = (0.25, 0.75)
    return {
        f'vigie_{kind}_bin_total{{{labels},bin="{b}",instance="{i}"}}': ramps(
            (count * share / minutes, 2 * minutes)
        )
        for b, count in zip(BINS, counts, strict=True)
        for i, share in enumerate(shares)
    } | {
        f'vigie_{kind}_reference_ratio{{{labels},bin="{b}",instance="{i}"}}': f"{q}x{2 * minutes}"
        for b, q in zip(BINS, REFERENCE, strict=True)
        for i in range(len(shares))
    }


def within(query: str, wanted: float, minutes: int) -> list[dict[str, object]]:
    """Checks that a query gives one value within the tolerance of what is wanted."""
    low, high = sorted((wanted * (1 - TOLERANCE), wanted * (1 + TOLERANCE)))
    found = f"count(({query}) > {low:.12g} and ({query}) < {high:.12g})"
    return [
        {
            "expr": found,
            "eval_time": f"{minutes}m",
            "exp_samples": [{"labels": "{}", "value": 1}],
        }
    ]


def nothing(query: str, minutes: int) -> list[dict[str, object]]:
    """Checks that a query gives nothing."""
    return [{"expr": query, "eval_time": f"{minutes}m", "exp_samples": []}]


@needs_promtool
@pytest.mark.parametrize("window", MINUTES)
@pytest.mark.parametrize("counts", [STEADY, SHIFTED], ids=["steady", "shifted"])
def test_psi_is_that_of_numpy(window: str, counts: Counts, tmp_path: Path) -> None:
    minutes, rows = MINUTES[window], counts * 10
    housing, iris = 'model="housing",version="3",feature="rooms"', 'model="iris",version="1"'
    tests = [
        {
            "interval": "1m",
            "input_series": series(
                counters("feature", housing, rows, minutes)
                | counters("prediction", iris, rows, minutes)
            ),
            "promql_expr_test": [
                check
                for name in (
                    f"model_version_feature:vigie_feature_psi:increase{window}",
                    f"model_version:vigie_prediction_psi:increase{window}",
                )
                for check in within(name, psi(rows, REFERENCE), 2 * minutes - 5)
            ],
        }
    ]
    failed = run(tmp_path, [RULES / "drift.yml"], tests, "1m" if window == "1h" else "5m")
    assert failed is None, failed


@needs_promtool
def test_fewer_than_500_rows_have_no_psi(tmp_path: Path) -> None:
    labels = 'model="housing",version="3",feature="rooms"'
    name = "model_version_feature:vigie_feature_psi:increase1h"
    few, enough = (SHIFTED / SHIFTED.sum() * rows for rows in (480, 520))
    tests = [
        {
            "interval": "1m",
            "input_series": series(counters("feature", labels, rows, 60)),
            "promql_expr_test": checks,
        }
        for rows, checks in (
            (few, nothing(name, 100)),
            (enough, within(name, psi(enough, REFERENCE), 100)),
        )
    ]
    failed = run(tmp_path, [RULES / "drift.yml"], tests)
    assert failed is None, failed


@needs_promtool
def test_live_errors_are_those_of_the_truths(tmp_path: Path) -> None:
    version = 'model="housing",version="3"'
    kinds = {"absolute": 30.0, "squared": 1500.0, "absolute_percentage": 0.2, "wrong": 0.05,
             "outside_interval": 0.1}  # fmt: skip
    values = {
        f'vigie_feedback_error_sum{{{version},kind="{kind}",instance="{i}"}}': ramps(
            (each * (i + 1), 1500)
        )
        for kind, each in kinds.items()
        for i in range(2)
    } | {
        f'vigie_feedback_joined_total{{{version},instance="{i}"}}': ramps((i + 1, 1500))
        for i in range(2)
    }
    silent = {f"{name.replace('housing', 'iris')}": "0x1500" for name in values}
    iris = '{model="iris"}'
    checks = [
        check
        for kind, each in kinds.items()
        for name in (f"model_version:vigie_feedback_{kind}_error:ratio_increase24h",)
        for check in (*within(name, each, 1490), *nothing(name + iris, 1490))
    ]
    tests = [
        {
            "interval": "1m",
            "input_series": series(values | silent),
            "promql_expr_test": checks,
        }
    ]
    failed = run(tmp_path, [RULES / "feedback.yml"], tests, "5m")
    assert failed is None, failed


def test_rules_are_evaluated_as_often_as_their_windows_assume() -> None:
    text = (ROOT / "prometheus" / "rules" / "drift.yml").read_text(encoding="utf-8")
    for group in text.split("  - name: ")[1:]:
        assert ("increase5m[" in group) == ("interval: 5m" in group)
