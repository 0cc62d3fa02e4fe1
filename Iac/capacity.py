"""The page of capacity: what replicas carry and cost, by one measured run."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from textwrap import wrap
from typing import Any

from capacity_limits import limits_section

WIDTH = 104
HOURS = 730
SHARE = 0.7
"""Of a core, what the autoscaler wants a replica to use: the rest is for what comes at once."""
REPLICA_GIB = 1.0
"""What a replica is paid for on Autopilot: no less than that for a core."""
IMAGES_KEPT = 5
REPLICAS = (1, 2, 4, 10, 50, 300)
# vCPU and GiB; one core of each is for what else runs there
MACHINES = {"e2-standard-2": (2, 8), "e2-standard-4": (4, 16), "e2-highcpu-16": (16, 16)}
PRICES = ("vm_vcpu", "vm_memory", "gke_vcpu", "gke_memory", "gke_cluster", "registry")

Figures = Mapping[str, Any]


@dataclass(frozen=True)
class Carried:
    """What one core carries at its limit, by the medians of all numbers of replicas.

    Attributes:
        small: Requests a second with one row.
        large: Requests a second with as many rows as the run had.
        rows: How many that were.
    """

    small: float
    large: float
    rows: int


def carried(scale: Figures) -> Carried:
    """What one core carries, by the measured run."""
    return Carried(_a_core(scale, 1), _a_core(scale, scale["rows"]), scale["rows"])


def reckoned(scale: Figures, replicas: int, rows: int) -> float:
    """What so many of the measured replicas carry by that, in requests a second."""
    each = carried(scale)
    cores: float = replicas * scale["cores_a_replica"]
    return cores * (each.small if rows == 1 else each.large)


def machines(kind: str, replicas: int) -> int:
    """How many machines hold so many replicas of one core."""
    return math.ceil(replicas / (MACHINES[kind][0] - 1))


def machines_cost(kind: str, count: int, prices: Figures) -> float:
    """What machines cost a month, without disks."""
    cores, gib = MACHINES[kind]
    each = cores * _price(prices, "vm_vcpu") + gib * _price(prices, "vm_memory")
    return count * HOURS * each


def pods_cost(replicas: int, prices: Figures) -> float:
    """What pods of one core cost a month on GKE Autopilot, with its cluster."""
    each = _price(prices, "gke_vcpu") + REPLICA_GIB * _price(prices, "gke_memory")
    return HOURS * (replicas * each + _price(prices, "gke_cluster"))


def images_cost(measured: Figures, prices: Figures) -> float:
    """What the images cost a month, with the versions that are kept of each."""
    stored: float = IMAGES_KEPT * sum(measured["image_gb"].values())
    free: float = prices["free_each_month"]["registry"]
    return max(stored - free, 0.0) * _price(prices, "registry")


def page(prices: Figures, scale: Figures, measured: Figures) -> str:
    """`docs/capacity.md`."""
    each = carried(scale)
    sections = (
        _head(scale, each), _checked(scale), _memory(scale, measured), _table(each, prices),
        _images(measured, prices), limits_section(SHARE * each.small, scale, measured),
    )  # fmt: skip
    return "\n".join(line for section in sections for line in [*section, ""])


def _head(scale: Figures, each: Carried) -> list[str]:
    text = (
        "Written by `make cost` from the measured run of [the proof of scale](scale.md) "
        f"({scale['date']}, {scale['where']}, {scale['machine']}), from "
        "[Iac/capacity-measured.json](../Iac/capacity-measured.json) and "
        "[Iac/prices.json](../Iac/prices.json); tests compute it again. One model, "
        f"`{scale['model']}`; another one has its own cost of a request, which "
        "`Server-Timing` of its answers and `make load` tell."
    )
    told = (
        f"At its limit one core carries **{each.small:,.0f} requests/s of one row**, or "
        f"{each.large:,.0f} requests/s of {each.rows} rows, which is "
        f"{each.rows * each.large:,.0f} rows/s. Plan with {SHARE:.0%} of that, as the autoscaler "
        "does: a queue at a core that is always busy only grows."
    )
    return ["# Capacity", "", *wrap(text, WIDTH), "", *wrap(told, WIDTH)]


def _checked(scale: Figures) -> list[str]:
    lines = [
        "## Reckoned and measured", "",
        "| replicas | rows | reckoned, requests/s | measured | measured by reckoned |",
        "| ---: | ---: | ---: | ---: | ---: |",
    ]  # fmt: skip
    for one in scale["points"]:
        wanted = reckoned(scale, one["replicas"], one["rows"])
        lines.append(
            f"| {one['replicas']} | {one['rows']} | {wanted:,.0f} | {one['rate']:,.0f} "
            f"| {one['rate'] / wanted:.2f} |"
        )
    text = (
        f"Replicas of {scale['cores_a_replica']:g} of a core. What is reckoned is the median of "
        "all numbers of replicas, times the cores."
    )
    return [*lines, "", *wrap(text, WIDTH)]


def _memory(scale: Figures, measured: Figures) -> list[str]:
    replica = max(one["memory_mb"] for one in scale["points"])
    text = (
        f"A replica with one worker holds {replica:.0f} MB of its own, and each further small "
        f"model {measured['model_mb']:g} MB: {replica + 100 * measured['model_mb']:.0f} MB with a "
        "hundred. Photos are larger: the weights of a network once in each worker, and its "
        "largest batch; the sandbox measures both before a version serves."
    )
    return ["## Memory", "", *wrap(text, WIDTH)]


def _table(each: Carried, prices: Figures) -> list[str]:
    rows = [
        f"| {count} | {SHARE * count * each.small:,.0f} | {SHARE * count * each.large:,.0f} "
        f"| {' | '.join(_machines_cell(kind, count, prices) for kind in MACHINES)} "
        f"| {pods_cost(count, prices):,.0f} | {_millionth(count, each, prices):.4f} |"
        for count in REPLICAS
    ]
    text = (
        "Replicas of one core. US dollars a month of 730 hours, list prices, without disks, a load "
        "balancer, tax and traffic. One core of each machine is for what else runs there. A vCPU "
        "is a thread of a core, and such machines share theirs: measure on yours. The last column "
        "is for the pods, at that rate all month."
    )
    kinds = " | ".join(f"{kind}, dollars" for kind in MACHINES)
    return [
        "## Replicas, machines, dollars", "",
        (f"| replicas | requests/s, 1 row | requests/s, {each.rows} rows | {kinds} "
        "| pods of GKE Autopilot, dollars | a million requests |"),
        f"| {' | '.join(['---:'] * (5 + len(MACHINES)))} |",
        *rows, "", *wrap(text, WIDTH),
    ]  # fmt: skip


def _machines_cell(kind: str, replicas: int, prices: Figures) -> str:
    count = machines(kind, replicas)
    return f"{count}: {machines_cost(kind, count, prices):,.0f}"


def _millionth(replicas: int, each: Carried, prices: Figures) -> float:
    requests = SHARE * replicas * each.small * HOURS * 3600
    return 1e6 * pods_cost(replicas, prices) / requests


def _images(measured: Figures, prices: Figures) -> list[str]:
    sizes = ", ".join(f"`{name}` {size:g}" for name, size in measured["image_gb"].items())
    text = (
        f"Images as a registry keeps them, GB: {sizes}. {IMAGES_KEPT} versions of each cost "
        f"{images_cost(measured, prices):.2f} dollars a month at "
        f"{_price(prices, 'registry'):g} a GB, half a GB being free; layers that versions have in "
        "common are kept once, so it is less."
    )
    return ["## Images", "", *wrap(text, WIDTH)]


def _a_core(scale: Figures, rows: int) -> float:
    rates: list[float] = [
        one["rate"] / (one["replicas"] * scale["cores_a_replica"])
        for one in scale["points"]
        if one["rows"] == rows
    ]
    return median(rates)


def _price(prices: Figures, name: str) -> float:
    price: float = prices["prices"][name]["price"]
    return price


def read_measured(name: str) -> dict[str, Any]:
    """Figures beside this file: of the run, or of a replica and its images."""
    text = Path(__file__).with_name(f"{name}-measured.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


if __name__ == "__main__":
    from cost import read_prices

    sys.stdout.write(page(read_prices(), read_measured("scale"), read_measured("capacity")))
