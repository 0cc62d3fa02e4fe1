"""The part of the page of costs that is about Spark: what so many photos take, and cost."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any

WIDTH = 104
HOURS = 730
# machines, bootstrap, Java: assumed long; a batch of Dataproc is there sooner
EMR_START_HOURS = 0.25
DATAPROC_START_HOURS = 0.05
# an executor, and the driver, of tools/dataproc: cores and GiB with what is beside Java
EXECUTOR = (4, 14.0)
DRIVER = (4, 8.8)
DISK_GIB = 100
# each photo is a request; a task takes so many and writes one file
TASK_PHOTOS = 128
# what the driver holds of each photo, measured with 1,000 and 50,000 of them: 1.2 kB in Python
# and 1.9 kB in Java, with names of 27 letters and paths of 60
LISTED_BYTES = 3_100


@dataclass(frozen=True)
class Run:
    """So many photos on so many machines.

    Attributes:
        photos: How many.
        machine: Of EMR's workers.
        cores: Of one.
        workers: Of EMR.
        executors: Of Dataproc.
    """

    photos: int
    machine: str
    cores: int
    workers: int
    executors: int


RUNS = (
    Run(10**5, "m5_2xlarge", 8, 2, 4),
    Run(10**6, "m5_2xlarge", 8, 4, 8),
    Run(10**8, "m5_4xlarge", 16, 40, 160),
)
EMR_PRICES = ("m5_xlarge", "m5_2xlarge", "m5_4xlarge")
PRICES = (
    *(f"{service}_{kind}" for service in ("ec2", "emr") for kind in EMR_PRICES),
    "s3_get", "s3_put", "s3_month", "dataproc_dcu", "dataproc_disk",
)  # fmt: skip

Figures = Mapping[str, Any]
Prices = Mapping[str, Any]


def core_hours(run: Run, figures: Figures) -> float:
    """Hours of one core that the photos take."""
    hours: float = run.photos * figures["core_seconds_a_photo"] / 3600
    return hours


def emr_hours(run: Run, figures: Figures) -> float:
    """Hours from the start of the cluster to its end."""
    return EMR_START_HOURS + core_hours(run, figures) / (run.cores * run.workers)


def emr_cost(run: Run, figures: Figures, prices: Prices) -> float:
    """Dollars of a cluster that ends after its step, with the requests and a month of results."""
    of = _priced(prices)
    primary = of("ec2_m5_xlarge") + of("emr_m5_xlarge")
    worker = of(f"ec2_{run.machine}") + of(f"emr_{run.machine}")
    hourly = primary + run.workers * worker
    return emr_hours(run, figures) * hourly + _storage(run, figures, prices)


def dataproc_hours(run: Run, figures: Figures) -> float:
    """Hours from the start of the batch to its end."""
    cores = EXECUTOR[0] * run.executors
    return DATAPROC_START_HOURS + core_hours(run, figures) / cores


def dataproc_cost(run: Run, figures: Figures, prices: Prices) -> float:
    """Dollars of a batch; the requests and results as on S3, whose prices are the same."""
    of = _priced(prices)
    units = _units(*DRIVER) + run.executors * _units(*EXECUTOR)
    disks = (run.executors + 1) * DISK_GIB / HOURS
    hourly = units * of("dataproc_dcu") + disks * of("dataproc_disk")
    return dataproc_hours(run, figures) * hourly + _storage(run, figures, prices)


def spark_section(prices: Prices, figures: Figures) -> list[str]:
    """The lines of the page."""
    rate = 1 / figures["core_seconds_a_photo"]
    measured = (
        f"Measured on {figures['date']}, MobileNetV2 on {figures['photos']} photos of 640 x 480 "
        f"({figures['photo_bytes'] / 1e3:.0f} kB each), once warm: "
        f"{1e3 * figures['core_seconds_a_photo']:.0f} ms of a core a photo, {rate:.0f} photos/s "
        f"and core; {figures['worker_mb']} MB a Python worker, of which there is one a core; "
        f"{figures['shuffle_bytes_a_photo'] / 1e3:.1f} kB of shuffle and "
        f"{figures['result_bytes_a_photo'] / 1e3:.1f} kB of results a photo. All below is reckoned "
        "from that, with a vCPU taken as such a core; `make drill` measures again."
    )
    rows = [_row(run, prices, figures) for run in RUNS]
    what = (
        "List prices on demand; spot machines cost about a third. Each sum is a run from nothing: "
        f"{60 * EMR_START_HOURS:.0f} minutes for a cluster of EMR, {60 * DATAPROC_START_HOURS:.0f} "
        "for a batch of Dataproc, one read of each photo, a month of the results. The photos "
        "themselves lie there already."
    )
    return [
        "## Features of photos on Spark", "", *wrap(measured, WIDTH), "",
        "| photos | core hours | EMR | hours | dollars | Dataproc Serverless | hours | dollars |",
        "| ---: | ---: | --- | ---: | ---: | --- | ---: | ---: |",
        *rows, "", *wrap(what, WIDTH), "", *_limits(figures),
    ]  # fmt: skip


def _row(run: Run, prices: Prices, figures: Figures) -> str:
    cells = (
        f"{run.photos:,}",
        f"{core_hours(run, figures):,.1f}",
        f"{run.workers} {run.machine.replace('_', '.')}",
        f"{emr_hours(run, figures):.1f}",
        f"{emr_cost(run, figures, prices):,.2f}",
        f"{run.executors} executors of {EXECUTOR[0]} cores",
        f"{dataproc_hours(run, figures):.1f}",
        f"{dataproc_cost(run, figures, prices):,.2f}",
    )
    return f"| {' | '.join(cells)} |"


def _limits(figures: Figures) -> list[str]:
    most = RUNS[-1].photos
    workers = EXECUTOR[0] * figures["worker_mb"] / 1e3
    tasks = f"{RUNS[0].photos // TASK_PHOTOS:,}"
    names = [f"{LISTED_BYTES * run.photos / 1e9:.1f} GB for {run.photos:,}" for run in RUNS[1:]]
    alone = 2 * 3600 * EMR_START_HOURS / figures["core_seconds_a_photo"]
    shuffle = figures["shuffle_bytes_a_photo"]
    points = (
        (
            "Cores: nothing is shared between photos, so twice the cores take half the time, as "
            f"long as each has some tasks of {TASK_PHOTOS} photos. {RUNS[0].photos:,} photos are "
            f"{tasks} tasks, and keep no more than a hundred cores busy."
        ),
        (
            f"Memory: an executor of {EXECUTOR[0]} cores holds {workers:.1f} GB in its Python "
            "workers, beside Java; it does not grow with the photos."
        ),
        (
            "The driver: it holds name, label, time and place of each photo, "
            f"{LISTED_BYTES:,} bytes in Python and Java: {' and '.join(names)}. "
            "That is where it stops. What then: a run for each folder, one after the other or side "
            "by side, with one PCA (`--pca`) for all."
        ),
        (
            "Small files: each photo is a request, and a list of a bucket gives a thousand names a "
            "request. From some ten million on pack photos into Parquet (`name`, `content`), a few "
            "hundred MB a file."
        ),
        (
            f"Shuffle: {shuffle / 1e3:.1f} kB a photo, so {most * shuffle / 1e9:,.0f} GB for "
            f"{most:,}: far from what the disks of such clusters hold."
        ),
        (
            f"One machine: two cores are through {alone:,.0f} photos before a cluster of EMR has "
            "started: up to there `vigie batch`, or `vigie spark` on one machine, is done first."
        ),
    )
    lines = ["### Where it stops, and what then", ""]
    for point in points:
        lines += wrap(point, WIDTH, initial_indent="- ", subsequent_indent="  ")
    return lines


def _storage(run: Run, figures: Figures, prices: Prices) -> float:
    of = _priced(prices)
    gigabytes = run.photos * figures["result_bytes_a_photo"] / 1e9
    # what the tasks write, and the tables
    written = 2 * run.photos / TASK_PHOTOS
    requests = run.photos * of("s3_get") + written * of("s3_put")
    kept: float = gigabytes * of("s3_month")
    return kept + float(requests)


def _units(cores: int, gigabytes: float) -> float:
    # of memory beyond 8 GB a core, which none here has, the double
    return 0.6 * cores + 0.1 * gigabytes


def _priced(prices: Prices) -> Callable[[str], float]:
    return lambda name: float(prices["prices"][name]["price"])


def read_figures() -> dict[str, Any]:
    """The measured figures beside this file."""
    text = Path(__file__).with_name("spark-measured.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found
