"""The page of costs is what the prices give, and the sums are right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cost import (
    CLUSTER,
    COLD,
    MACHINES,
    MEDIUM,
    SMALL,
    VARIANTS,
    WAITING,
    WARM,
    Part,
    cost,
    page,
    part_cost,
    read_prices,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def prices() -> dict[str, Any]:
    return read_prices()


def test_the_page_is_what_the_prices_give(prices: dict[str, Any]) -> None:
    written = (ROOT / "docs" / "cost.md").read_text(encoding="utf-8")
    assert written == page(prices), "write it anew: make cost"


def test_another_price_makes_another_page(prices: dict[str, Any]) -> None:
    before = page(prices)
    prices["prices"]["disk"]["price"] *= 2
    assert page(prices) != before


def test_every_price_has_a_source_and_a_use(prices: dict[str, Any]) -> None:
    used = {part.price for variant in VARIANTS for part in variant.parts}
    assert used == prices["prices"].keys()
    assert prices["free_each_month"].keys() < used
    for price in prices["prices"].values():
        assert price["price"] > 0
        assert price["date"] is None or "2023" <= price["date"] <= "2100"
        assert prices["sources"][price["source"]].startswith("https://")


def test_a_small_machine_is_added_up_right(prices: dict[str, Any]) -> None:
    # 730 h of 2 x 0.02399337 + 8 x 0.00321609, 60 GB at 0.10, 30 at 0.05, 10 at 0.02, an address
    by_hand = 730 * 0.07371546 + 6 + 1.5 + 0.2 + 730 * 0.005
    assert cost(SMALL, prices, free=False) == pytest.approx(by_hand)
    assert cost(MEDIUM, prices, free=False) > 1.5 * cost(SMALL, prices, free=False)


def test_five_hundred_requests_are_free_and_cost_cents_otherwise(prices: dict[str, Any]) -> None:
    # 50 s of one core and of 4 GiB, 500 requests
    warm = 50 * 0.000024 + 200 * 0.0000025 + 500 * 0.0000004
    assert cost(WARM, prices, free=False) == pytest.approx(warm)
    # and 500 starts of 10 s with two cores and 4 GiB
    cold = warm + 5000 * (2 * 0.000024 + 4 * 0.0000025)
    assert cost(COLD, prices, free=False) == pytest.approx(cold)
    assert cost(WARM, prices, free=True) == cost(COLD, prices, free=True) == 0


def test_a_waiting_container_has_no_free_tier(prices: dict[str, Any]) -> None:
    idle = (730 * 3600 - 50) * 5 * 0.0000025
    assert cost(WAITING, prices, free=True) == pytest.approx(idle)
    assert cost(WAITING, prices, free=False) > idle


def test_the_first_cluster_pays_no_fee(prices: dict[str, Any]) -> None:
    saved = cost(CLUSTER, prices, free=False) - cost(CLUSTER, prices, free=True)
    assert saved == pytest.approx(73)


def test_what_is_free_is_never_paid_back(prices: dict[str, Any]) -> None:
    assert part_cost(Part("requests", "run_request", 1), prices, free=True) == 0
    beyond = Part("requests", "run_request", 2_000_001)
    assert part_cost(beyond, prices, free=True) == pytest.approx(0.0000004)


def test_the_variants_are_those_of_terraform() -> None:
    pytest.importorskip("hcl2", reason="python-hcl2 reads the files, and is not installed")
    from support.terraform_files import read_folder, read_text

    variables = {b.type: b for b in read_folder(ROOT / "Iac") if b.kind == "variable"}
    defaults = {name: block.arguments.get("default") for name, block in variables.items()}
    text = (ROOT / "Iac" / "environments" / "production.tfvars").read_text(encoding="utf-8")
    production = read_text(f"locals {{\n{text}\n}}")[0].arguments
    for variant, values in ((SMALL, defaults), (MEDIUM, {**defaults, **production})):
        sizes = f"{values['boot_disk_gb']} and {values['data_disk_gb']} GB"
        assert values["machine_type"] in MACHINES
        assert f"{values['machine_type']}, {sizes}" in variant.name
    assert (defaults["cloud_run_memory_gib"], defaults["cloud_run_cpus"]) == (4, 1)
