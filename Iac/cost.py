"""What an installation costs a month, from `prices.json`: `make cost` writes docs/cost.md."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from spark_cost import read_figures, spark_section

if TYPE_CHECKING:
    from spark_cost import Figures

WIDTH = 104
HOURS = 730
SECONDS = HOURS * 3600
# a request is billed by tenths of a second; an answer takes a few thousandths
REQUEST_SECONDS = 0.1
# image, Python, model: assumed long; the boost doubles the cores of a start
START_SECONDS = 10
START_CPU_FACTOR = 2
REQUESTS = 500

MACHINES = {"e2-standard-2": (2, 8), "e2-standard-4": (4, 16)}


@dataclass(frozen=True)
class Part:
    """Something that is billed: so much of one price."""

    name: str
    price: str
    amount: float


@dataclass(frozen=True)
class Variant:
    """An installation, by its parts."""

    name: str
    parts: tuple[Part, ...]


def machine(name: str, kind: str, boot_gb: int, data_gb: int) -> Variant:
    """A machine that runs all the time, with disks, snapshots and a public address."""
    cpus, memory = MACHINES[kind]
    return Variant(
        f"{name}: {kind}, {boot_gb} and {data_gb} GB of disk",
        (
            Part("cores", "vm_vcpu", cpus * HOURS),
            Part("memory", "vm_memory", memory * HOURS),
            Part("disks", "disk", boot_gb + data_gb),
            Part("snapshots, as large as the data disk", "snapshot", data_gb),
            Part("public address", "address", HOURS),
            Part("bucket, 10 GB", "bucket", 10),
        ),
    )


def cloud_run(name: str, requests: int, starts: int, minimum: int, memory: int = 4) -> Variant:
    """A Cloud Run service with containers of one core.

    Args:
        name: How it is called.
        requests: Requests a month, each alone in its container.
        starts: How many of them find no container and wait for one to start.
        minimum: Containers that always wait.
        memory: Of each container, GiB.
    """
    serving = requests * math.ceil(REQUEST_SECONDS * 10) / 10
    starting = starts * START_SECONDS
    idle = minimum * SECONDS - serving if minimum else 0.0
    parts = [
        Part("cores", "run_cpu", serving + starting * START_CPU_FACTOR),
        Part("memory", "run_memory", (serving + starting) * memory),
        Part("requests", "run_request", requests),
    ]
    if minimum:
        parts += [
            Part("cores that wait", "run_idle_cpu", idle),
            Part("memory that waits", "run_idle_memory", idle * memory),
        ]
    return Variant(name, tuple(parts))


def autopilot(name: str, pods: int, memory: int) -> Variant:
    """A GKE Autopilot cluster with pods of one core, each on a node of its own behind the NAT."""
    return Variant(
        name,
        (
            Part("cluster", "gke_cluster", HOURS),
            Part("cores", "gke_vcpu", pods * HOURS),
            Part("memory", "gke_memory", pods * memory * HOURS),
            Part("NAT", "nat_node", pods * HOURS),
            Part("address of the NAT", "address", HOURS),
        ),
    )


SMALL = machine("Small machine", "e2-standard-2", 30, 30)
MEDIUM = machine("Medium machine", "e2-standard-4", 30, 100)
WARM = cloud_run("Cloud Run, every request finds a container", REQUESTS, 0, 0)
COLD = cloud_run("Cloud Run, every request starts one", REQUESTS, REQUESTS, 0)
WAITING = cloud_run("Cloud Run, one container always waits", REQUESTS, 0, 1)
CLUSTER = autopilot("GKE Autopilot, two pods of 1 core and 2 GiB", 2, 2)
VARIANTS = (SMALL, MEDIUM, COLD, WAITING, CLUSTER)


def cost(variant: Variant, prices: Mapping[str, Any], free: bool) -> float:
    """What a variant costs a month; `free` takes off what Google gives each billing account."""
    return sum(part_cost(part, prices, free) for part in variant.parts)


def part_cost(part: Part, prices: Mapping[str, Any], free: bool) -> float:
    """What a part costs a month."""
    given = prices["free_each_month"].get(part.price, 0) if free else 0
    price: float = prices["prices"][part.price]["price"]
    return max(0.0, part.amount - given) * price


def page(prices: Mapping[str, Any], figures: Figures) -> str:
    """The page of the documentation, by the prices and by what was measured of Spark."""
    sections = (
        _head(), _variants(prices), _scenario(prices), spark_section(prices, figures),
        _parts(prices), _prices(prices),
    )  # fmt: skip
    return "\n".join(line for section in sections for line in [*section, ""])


def _head() -> list[str]:
    text = (
        "Written by `make cost` from [Iac/prices.json](../Iac/prices.json) and, for Spark, "
        "[Iac/spark-measured.json](../Iac/spark-measured.json); a test computes it again. US "
        f"dollars a month of {HOURS} hours, without tax, discounts, and traffic out of the cloud. "
        "These are list prices, and they change: look at the date of each below before you rely "
        "on it."
    )
    return ["# Cost", "", *wrap(text, WIDTH)]


def _variants(prices: Mapping[str, Any]) -> list[str]:
    rows = [
        f"| {each.name} | {cost(each, prices, False):.2f} | {cost(each, prices, True):.2f} |"
        for each in VARIANTS
    ]
    text = (
        f"Cloud Run is shown for {REQUESTS} requests a month, as below. The free tier is one for "
        "all projects of a billing account; the first cluster of an account pays no fee."
    )
    head = ["| variant | a month | with the free tier |", "| --- | ---: | ---: |"]
    return [*head, *rows, "", *wrap(text, WIDTH)]


def _scenario(prices: Mapping[str, Any]) -> list[str]:
    billed = (
        "A request is billed from its arrival to its answer, rounded up to a tenth of a second: an "
        f"answer takes some milliseconds, so {REQUEST_SECONDS} s. Where no container waits, its "
        f"start is billed as well: taken as {START_SECONDS} s with twice the cores, because the "
        "start is boosted. One core, no minimum."
    )
    free = [f"{prices['free_each_month'][part.price]:,}" for part in WARM.parts]
    given = (
        f"Free are {free[0]} vCPU seconds, {free[1]} GiB seconds and {free[2]} requests a month. A "
        "container that always waits (`cloud_run_min_instances = 1`) answers the first request at "
        f"once and costs {cost(WAITING, prices, False):.2f}: waiting has a lower price and no free "
        "tier."
    )
    return [
        f"## {REQUESTS} requests a month on Cloud Run, 4 GiB a container", "",
        *wrap(billed, WIDTH), "",
        "| case | seconds billed a request | vCPU seconds | GiB seconds | paid | with free tier |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        _case(WARM, REQUEST_SECONDS, prices),
        _case(COLD, REQUEST_SECONDS + START_SECONDS, prices), "",
        *wrap(given, WIDTH),
    ]  # fmt: skip


def _case(variant: Variant, seconds: float, prices: Mapping[str, Any]) -> str:
    name = variant.name.removeprefix("Cloud Run, ")
    cpu, memory, _ = (part.amount for part in variant.parts)
    paid, free = cost(variant, prices, False), cost(variant, prices, True)
    return f"| {name} | {seconds:.1f} | {cpu:,.0f} | {memory:,.0f} | {paid:.4f} | {free:.2f} |"


def _parts(prices: Mapping[str, Any]) -> list[str]:
    lines = ["## What it is made of", "", "| variant | part | a month |", "| --- | --- | ---: |"]
    for variant in VARIANTS:
        for part in variant.parts:
            name = variant.name if part is variant.parts[0] else ""
            lines.append(f"| {name} | {part.name} | {part_cost(part, prices, False):.2f} |")
    return lines


def _prices(prices: Mapping[str, Any]) -> list[str]:
    rows = []
    for price in prices["prices"].values():
        link = f"[{price['source']}]({prices['sources'][price['source']]})"
        when = price["date"] or "unknown"
        cells = (price["unit"], f"{price['price']:.8f}", price["region"], when, link)
        rows.append(f"| {' | '.join(cells)} |")
    text = (
        "Where the price of Belgium was not at hand, that of Iowa stands there; Belgium is about a "
        "tenth dearer, as is Ireland than Virginia. A date is unknown where the source bears none."
    )
    head = ["| what | dollars | region | as of | source |", "| --- | ---: | --- | --- | --- |"]
    return ["## Prices", "", *head, *rows, "", *wrap(text, WIDTH)]


def read_prices() -> dict[str, Any]:
    """The prices beside this file."""
    text = Path(__file__).with_name("prices.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


if __name__ == "__main__":
    sys.stdout.write(page(read_prices(), read_figures()))
