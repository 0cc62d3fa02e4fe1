"""The page of capacity is what the figures give; they fit what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import capacity_limits
from capacity import (
    MACHINES,
    carried,
    images_cost,
    machines,
    machines_cost,
    page,
    pods_cost,
    read_measured,
    reckoned,
)
from capacity_limits import limits
from cost import read_prices
from scale.report import page as scale_page
from vigie.settings import load_settings

ROOT = Path(__file__).parents[2]
MOST_APART = 1.25


@pytest.fixture
def prices() -> dict[str, Any]:
    return read_prices()


@pytest.fixture
def scale() -> dict[str, Any]:
    return read_measured("scale")


@pytest.fixture
def measured() -> dict[str, Any]:
    return read_measured("capacity")


def test_the_page_is_what_the_figures_give(
    prices: dict[str, Any], scale: dict[str, Any], measured: dict[str, Any]
) -> None:
    written = (ROOT / "docs" / "capacity.md").read_text(encoding="utf-8")
    assert written == page(prices, scale, measured), "write it anew: make cost"


def test_the_page_of_scale_is_what_the_figures_give(scale: dict[str, Any]) -> None:
    written = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    assert written == scale_page(scale), "measure anew: make scale-proof"


@pytest.mark.parametrize("name", ["price", "rate", "memory", "image"])
def test_another_figure_makes_another_page(
    prices: dict[str, Any], scale: dict[str, Any], measured: dict[str, Any], name: str
) -> None:
    before = page(prices, scale, measured)
    if name == "price":
        prices["prices"]["gke_vcpu"]["price"] *= 2
    elif name == "rate":
        scale["points"][0]["rate"] *= 2
    elif name == "memory":
        measured["model_mb"] *= 2
    else:
        measured["image_gb"]["vigie-serve"] *= 2
    assert page(prices, scale, measured) != before


def test_what_is_reckoned_is_what_was_measured(scale: dict[str, Any]) -> None:
    assert {one["replicas"] for one in scale["points"]} == {1, 2, 3, 4}
    for one in scale["points"]:
        ratio = one["rate"] / reckoned(scale, one["replicas"], one["rows"])
        assert 1 / MOST_APART < ratio < MOST_APART, one


def test_a_core_carries_the_median_of_what_replicas_did() -> None:
    points = [
        {"replicas": count, "rows": rows, "rate": rate}
        for count, rows, rate in ((1, 1, 500), (1, 100, 200), (2, 100, 380), (4, 100, 600))
    ]
    run = {"cores_a_replica": 0.1, "rows": 100, "points": points}
    assert (carried(run).small, carried(run).large) == pytest.approx((5000, 1900))
    assert reckoned(run, 3, 100) == pytest.approx(570)


def test_machines_and_pods_are_added_up_right(prices: dict[str, Any]) -> None:
    # three of four cores hold replicas
    assert [machines("e2-standard-4", n) for n in (1, 3, 4, 300)] == [1, 1, 2, 100]
    assert machines_cost("e2-standard-4", 2, prices) == pytest.approx(
        2 * 730 * (4 * 0.02399337 + 16 * 0.00321609)
    )
    assert pods_cost(10, prices) == pytest.approx(730 * (10 * (0.0445 + 0.0049225) + 0.1))
    assert all(cores > 1 for cores, _ in MACHINES.values())


def test_images_are_paid_beyond_what_is_free(
    prices: dict[str, Any], measured: dict[str, Any]
) -> None:
    measured["image_gb"] = {"a": 0.3, "b": 0.2}
    # five versions of each
    assert images_cost(measured, prices) == pytest.approx((2.5 - 0.5) * 0.1)
    measured["image_gb"] = {"a": 0.1}
    assert images_cost(measured, prices) == 0


def test_limits_are_those_of_the_settings_and_of_the_stack() -> None:
    settings = load_settings()
    assert settings.poll_seconds == capacity_limits.POLL_SECONDS
    assert settings.prediction_log_rows_per_second == capacity_limits.LOGGED_ROWS
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    prometheus = compose["services"]["prometheus"]["deploy"]["resources"]["limits"]
    assert prometheus["memory"] == "768m"
    scrape = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    assert scrape["global"]["scrape_interval"] == f"{capacity_limits.SCRAPE_SECONDS}s"


def test_the_first_to_stop_stands_first_and_a_quicker_model_stops_the_gateway_sooner(
    measured: dict[str, Any],
) -> None:
    found = limits(3000.0, measured)
    assert found[0].part == "gateway"
    assert found[0].replicas == 10
    assert found[-1].replicas is None
    counts = [one.replicas for one in found if one.replicas is not None]
    assert counts == sorted(counts)
    quicker = {one.part: one.replicas for one in limits(6000.0, measured)}
    assert quicker["gateway"] == 5
    # what is asked by replicas and not by callers
    assert quicker["model-sync, its index"] == 4285
