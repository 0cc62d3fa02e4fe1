"""The page of the load generator names every scenario, shape and option with its figures."""

from __future__ import annotations

import re
from pathlib import Path

from load.scenarios import SCENARIOS
from load.stages import SHAPES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "load.md").read_text(encoding="utf-8")


def test_every_scenario_is_on_the_page_with_its_thresholds() -> None:
    told: dict[str, list[str]] = {}
    for line in PAGE.partition("## Scenarios")[2].splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 4:
            told |= dict.fromkeys(re.findall(r"`([^`]+)`", cells[0]), cells[2:])
    assert told == {
        name: [f"{one.thresholds.p99_ms:g}", f"{one.thresholds.rate:g}"]
        for name, one in SCENARIOS.items()
    }


def test_every_shape_and_every_variable_of_make_load_is_on_the_page() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = makefile.partition("\nload: .test-environment")[2].partition("\n\n")[0]
    variables = set(re.findall(r"\$\((?:or |if )?\$?\(?([A-Z0-9_]+)", recipe))
    documented = set(re.findall(r"`([A-Z0-9_]+)`", PAGE))
    assert variables >= {"URL", "SCENARIO", "RATE", "WORKERS", "P99_MS"}
    assert documented >= variables
    assert all(f"`{shape}`" in PAGE for shape in SHAPES)
