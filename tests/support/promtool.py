"""Prometheus' own tools: unit tests of the rules, run by promtool."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RULES = ROOT / "prometheus" / "rules"
RUN_SECONDS = 600

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed"
)

Rule = dict[str, Any]


def rules(folder: Path = RULES) -> list[Rule]:
    """Every rule of the files of a folder."""
    return [
        rule
        for path in sorted(folder.glob("*.yml"))
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
    ]


def alerts() -> dict[str, Rule]:
    """The alerts by name."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def seconds(duration: str | None) -> int:
    """A duration such as `5m` or `1h30m` in seconds; none is 0."""
    sizes = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    return sum(int(n) * sizes[unit] for n, unit in re.findall(r"(\d+)([smhd])", duration or ""))


def steps(*parts: tuple[float | str, int]) -> str:
    """A series of samples: each value as often as said; `_` is none, `stale` an end."""
    return " ".join(" ".join([str(value)] * times) for value, times in parts)


def ramps(*parts: tuple[float, int]) -> str:
    """A counter from 0 that grows by so much a sample, for so many samples, part after part."""
    value, texts = 0.0, []
    for growth, times in parts:
        texts.append(f"{value + growth:.10g}+{growth:.10g}x{times - 1}")
        value += growth * times
    return "0 " + " ".join(texts)


def series(values: Mapping[str, str]) -> list[dict[str, str]]:
    """Input series by name, as promtool takes them."""
    return [{"series": name, "values": text} for name, text in values.items()]


def run(
    folder: Path, rule_files: Iterable[Path], tests: list[dict[str, Any]], interval: str = "1m"
) -> str | None:
    """Passes the tests over the rule files; what failed, or `None`."""
    document = {
        "rule_files": [str(path) for path in rule_files],
        "evaluation_interval": interval,
        "tests": tests,
    }
    path = folder / "tests.yml"
    path.write_text(json.dumps(document), encoding="utf-8")
    done = subprocess.run(
        ["promtool", "test", "rules", str(path)],
        capture_output=True, text=True, timeout=RUN_SECONDS, check=False,
    )  # fmt: skip
    return None if done.returncode == 0 else done.stdout + done.stderr
