"""Every alert fires, stays silent and ends when it should; no threshold can be moved unseen."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.alert_cases import CASES, Case, Episode
from support.promtool import RULES, Rule, alerts, needs_promtool, run, seconds, series

ALERTS = alerts()
NEVER_ENDS = {"Watchdog"}


def expected(rule: Rule, episode: Episode) -> dict[str, Any]:
    """The alert as promtool shall find it: its labels, and its texts with values in them."""
    labels = {
        key: value.replace("{{ $labels.job }}", episode.labels.get("job", ""))
        for key, value in rule["labels"].items()
    }
    return {
        "exp_labels": labels | episode.labels,
        "exp_annotations": rule["annotations"] | {"summary": episode.summary},
    }


def checks(name: str, case: Case, rule: Rule) -> list[dict[str, Any]]:
    """The case as tests of promtool: one for each of its series."""

    def at(minute: int, *found: dict[str, Any]) -> dict[str, Any]:
        return {"eval_time": f"{minute}m", "alertname": name, "exp_alerts": list(found)}

    wait, kept = (seconds(rule.get(key)) // 60 for key in ("for", "keep_firing_for"))
    tests: list[tuple[dict[str, str], list[dict[str, Any]], list[dict[str, Any]]]] = []
    for episode in case.fires:
        first = episode.begins + wait
        looks = [at(first, expected(rule, episode))]
        if first:
            looks.insert(0, at(first - 1))
        if episode.over is not None:
            looks.append(at(episode.over + kept))
        still = [firing(name, episode.over + kept - 2)] if episode.over and kept else []
        tests.append((episode.series, looks, still))
    tests += [(quiet.series, [at(quiet.at)], []) for quiet in case.silent]
    return [
        {
            "interval": "1m",
            "input_series": series(values),
            "alert_rule_test": looks,
            "promql_expr_test": still,
        }
        for values, looks, still in tests
    ]


def firing(name: str, minute: int) -> dict[str, Any]:
    """A check that an alert is kept although its condition has ended."""
    return {
        "expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}})',
        "eval_time": f"{minute}m",
        "exp_samples": [{"labels": "{}", "value": 1}],
    }


def test_every_alert_has_a_case_that_fires_one_that_is_silent_and_one_that_ends() -> None:
    assert set(CASES) == set(ALERTS)
    for name, case in CASES.items():
        assert case.fires
        if name not in NEVER_ENDS:
            assert case.silent, name
            assert all(episode.over is not None for episode in case.fires), name


def check(folder: Path, name: str, rule: Rule) -> str | None:
    """What the case of an alert has against a rule, or `None`."""
    path = folder / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "one", "rules": [rule]}]}))
    return run(folder, [path], checks(name, CASES[name], ALERTS[name]))


@needs_promtool
@pytest.mark.parametrize("name", sorted(ALERTS))
def test_it_fires_stays_silent_and_ends(name: str, tmp_path: Path) -> None:
    failed = check(tmp_path, name, ALERTS[name])
    assert failed is None, failed


COMPARED = re.compile(r"(>=|<=|==|>|<) (\d[\d.]*)")


def mutants(rule: Rule) -> list[Rule]:
    """The rule with each of its thresholds and its wait moved, one at a time."""
    expr = rule["expr"]
    changed = [f"({expr}) > 1e9"]
    for found in COMPARED.finditer(expr):
        sign, number = found.groups()
        before, after = expr[: found.start()], expr[found.end() :]
        if float(number):
            others = [f"{sign} {float(number) * factor:.10g}" for factor in (0.7, 1.3)]
        elif sign == "==":
            others = ["== 1"]
        elif after.startswith(")"):
            # a guard of a division: without it the share is no number, which never fires
            others = ["> 1e9"]
        else:
            others = ["> 1e9", ">= 0"]
        changed += [before + other + after for other in others]
    moved = [rule | {"expr": text} for text in changed]
    if "keep_firing_for" in rule:
        kept = seconds(rule["keep_firing_for"])
        moved += [rule | {"keep_firing_for": f"{other}s"} for other in (0, kept * 3)]
    if "for" in rule:
        moved += [rule | {"for": f"{seconds(rule['for']) * 3}s"}, rule | {"for": "0s"}]
    return moved


@needs_promtool
@pytest.mark.parametrize("name", sorted(ALERTS))
def test_a_threshold_that_moves_fails_a_test(name: str, tmp_path: Path) -> None:
    for mutant in mutants(ALERTS[name]):
        failed = check(tmp_path, name, mutant)
        assert failed is not None, (mutant["expr"], mutant.get("for"))
        assert "got:" in failed, failed


@needs_promtool
def test_the_configuration_and_the_rules_are_valid() -> None:
    config = RULES.parent / "prometheus.yml"
    done = subprocess.run(
        ["promtool", "check", "config", str(config)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
