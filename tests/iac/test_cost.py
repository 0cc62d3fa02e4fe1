"""The page of costs is what the prices give, and the sums are right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import capacity
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
from spark_cost import (
    EXECUTOR,
    PRICES,
    RUNS,
    core_hours,
    dataproc_cost,
    dataproc_hours,
    emr_cost,
    emr_hours,
    read_figures,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def prices() -> dict[str, Any]:
    return read_prices()


def test_the_page_is_what_the_prices_give(prices: dict[str, Any]) -> None:
    written = (ROOT / "docs" / "cost.md").read_text(encoding="utf-8")
    assert written == page(prices, read_figures()), "write it anew: make cost"


def test_another_price_makes_another_page(prices: dict[str, Any]) -> None:
    before = page(prices, read_figures())
    prices["prices"]["disk"]["price"] *= 2
    assert page(prices, read_figures()) != before


def test_another_measured_run_makes_another_page(prices: dict[str, Any]) -> None:
    figures = read_figures()
    slower = figures | {"core_seconds_a_photo": 2 * figures["core_seconds_a_photo"]}
    assert page(prices, slower) != page(prices, figures)


def test_every_price_has_a_source_and_a_use(prices: dict[str, Any]) -> None:
    used = {part.price for variant in VARIANTS for part in variant.parts}
    assert used | {*PRICES, *capacity.PRICES} == prices["prices"].keys()
    assert prices["free_each_month"].keys() < used | {*capacity.PRICES}
    for price in prices["prices"].values():
        assert price["price"] > 0
        assert price["date"] is None or "2023" <= price["date"] <= "2100"
        assert prices["sources"][price["source"]].startswith("https://")


def test_a_small_machine_is_added_up_right(prices: dict[str, Any]) -> None:
    # 730 h of 2 x 0.02399337 + 8 x 0.00321609, 60 GB at 0.10, 30 at 0.05, 10 at 0.02, an address
    by_hand = 730 * 0.07371546 + 6 + 1.5 + 0.2 + 730 * 0.005
    assert cost(SMALL, prices, free=False) == pytest.approx(by_hand)
    assert cost(MEDIUM, prices, free=False) > 1.5 * cost(SMALL, prices, free=False)


def test_a_hundred_thousand_photos_are_added_up_right(prices: dict[str, Any]) -> None:
    figures = {"core_seconds_a_photo": 0.036, "result_bytes_a_photo": 5_000}
    run = RUNS[0]
    # 3,600 core seconds a hundred thousand
    assert core_hours(run, figures) == pytest.approx(1)
    # half a GB for a month, a read each, two files for 128
    storage = 0.5 * 0.023 + 100_000 * 0.0000004 + 2 * 100_000 / 128 * 0.000005
    # a quarter of an hour, and 16 cores: a primary machine and two workers, with EMR's fee
    hours = 0.25 + 1 / 16
    assert emr_hours(run, figures) == pytest.approx(hours)
    assert emr_cost(run, figures, prices) == pytest.approx(hours * (0.24 + 2 * 0.48) + storage)
    # four executors of 2.4 + 1.4 DCU and a driver of 2.4 + 0.88, with 100 GB each
    hours = 0.05 + 1 / 16
    hourly = (4 * 3.8 + 3.28) * 0.06 + 5 * 100 / 730 * 0.04
    assert dataproc_hours(run, figures) == pytest.approx(hours)
    assert dataproc_cost(run, figures, prices) == pytest.approx(hours * hourly + storage)


def test_the_executors_are_those_of_the_script() -> None:
    script = (ROOT / "tools" / "dataproc").read_text(encoding="utf-8")
    cores, memory = EXECUTOR
    assert f"spark.executor.cores={cores}," in script
    assert "spark.executor.memory=6g,spark.executor.memoryOverhead=8g" in script
    assert memory == 6 + 8


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
