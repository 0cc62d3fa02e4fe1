"""The part of the page of capacity that is on paper: towards a million requests a second."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

WIDTH = 104
WANTED = 1_000_000
# of HAProxy, for small requests that are kept alive: assumed
GATEWAY_A_CORE = 30_000
# both ways, of one row with its heads: assumed
REQUEST_BYTES = 1_500
# 10 Gbit/s
NETWORK_BYTES = 1_250_000_000
POLL_SECONDS = 3
PROMOTED_SECONDS = 30
# ResNet152V2 and a head
PHOTO_PACKAGE_BYTES = 240_000_000
# a list of its registry on PostgreSQL, of one core: assumed
MLFLOW_LISTS = 50
# of Prometheus, in memory: assumed; the Compose stack gives it 768 MB
SERIES_BYTES = 3_000
COMPOSE_PROMETHEUS_BYTES = 768_000_000
LARGE_PROMETHEUS_BYTES = 32_000_000_000
SCRAPE_SECONDS = 15
DRIFT_SECONDS = 3_600
# what a core reads of samples in a rule, and how long one of each minute may take: assumed
RULE_SAMPLES = 10_000_000
RULE_SECONDS = 10
# VIGIE_PREDICTION_LOG_ROWS_PER_SECOND
LOGGED_ROWS = 100
# PostgreSQL on four cores, in batches; bytes of a row with its index: assumed
POSTGRES_ROWS = 20_000
ROW_BYTES = 500
TESTED_NODES = 5_000

Figures = Mapping[str, Any]


@dataclass(frozen=True)
class Limit:
    """Where a part stops.

    Attributes:
        part: Which.
        why: What it is that grows.
        replicas: How many replicas of one core it is enough for; None where those are not it.
        instead: What takes its place.
    """

    part: str
    why: str
    replicas: int | None
    instead: str


def limits(rate: float, measured: Figures) -> list[Limit]:
    """Where each part stops, the first to stop first; `rate` is what one replica is asked."""
    series = measured["replica_series"] + measured["model_series"]
    samples = measured["model_bins"] * DRIFT_SECONDS // SCRAPE_SECONDS
    index_rate = 1e6 / measured["index_us"]
    found = [
        Limit(
            "gateway",
            f"{GATEWAY_A_CORE:,} requests/s a core of HAProxy (assumed); Compose gives it one",
            int(GATEWAY_A_CORE / rate),
            "more cores for it; on a cluster the Service, which costs nothing by request",
        ),
        Limit(
            "network of one gateway",
            f"{REQUEST_BYTES:,} bytes a request both ways (assumed) over 10 Gbit/s",
            int(NETWORK_BYTES / REQUEST_BYTES / rate),
            "a load balancer of the cloud before several; names of several clusters",
        ),
        Limit(
            "model-sync, a promotion of a large network",
            f"{PHOTO_PACKAGE_BYTES / 1e6:.0f} MB to each replica within {PROMOTED_SECONDS} s over "
            "10 Gbit/s",
            int(NETWORK_BYTES * PROMOTED_SECONDS / PHOTO_PACKAGE_BYTES),
            "`vigie share` over the copy of a mirror, one a zone: a tree; or packages in a bucket",
        ),
        Limit(
            "model-sync, its index",
            f"each replica asks every {POLL_SECONDS} s, and the answer takes "
            f"{measured['index_us']:g} us of one core",
            int(POLL_SECONDS * index_rate),
            "the same tree: each level divides what is asked of the one above",
        ),
        Limit(
            "Prometheus, as Compose has it",
            f"{series} series a replica with one model, {SERIES_BYTES:,} bytes each (assumed) in "
            "768 MB",
            int(COMPOSE_PROMETHEUS_BYTES / SERIES_BYTES / series),
            "32 GB of memory, which is enough for "
            f"{int(LARGE_PROMETHEUS_BYTES / SERIES_BYTES / series):,} replicas",
        ),
        Limit(
            "drift rules of one Prometheus",
            f"an hour of {measured['model_bins']} bins is {samples:,} samples a replica and model, "
            f"read each minute within {RULE_SECONDS} s at {RULE_SAMPLES:,} a second (assumed)",
            int(RULE_SECONDS * RULE_SAMPLES / samples),
            "sums of 5 minutes, as the long windows have them; several Prometheus by a hash of "
            "the replica, and the drift over their sums",
        ),
        Limit(
            "prediction log, all that may be logged",
            f"{LOGGED_ROWS} rows/s a worker into a PostgreSQL that takes {POSTGRES_ROWS:,} "
            "(assumed)",
            POSTGRES_ROWS // LOGGED_ROWS,
            "a smaller `VIGIE_PREDICTION_LOG_ROWS_PER_SECOND`: drift and quality need thousands of "
            "rows an hour; else Parquet files in a bucket by each replica",
        ),
        Limit(
            "one cluster", f"{TESTED_NODES:,} nodes are what Kubernetes is tested with",
            3 * TESTED_NODES, "a cluster a region",
        ),
        Limit(
            "MLflow",
            f"one list every {POLL_SECONDS} s a cluster, however many replicas, and "
            f"{MLFLOW_LISTS} lists/s of one MLflow (assumed)",
            None, f"from {MLFLOW_LISTS * POLL_SECONDS} clusters on one model-sync for several",
        ),
    ]  # fmt: skip
    return sorted(found, key=lambda one: math.inf if one.replicas is None else one.replicas)


def limits_section(rate: float, scale: Figures, measured: Figures) -> list[str]:
    """The lines of the page."""
    needed = math.ceil(WANTED / rate)
    disk = POSTGRES_ROWS * ROW_BYTES * 86_400 / 1e9
    head = (
        f"On paper: at {rate:,.0f} requests/s a replica of one core, {WANTED:,} are {needed} "
        f"replicas of `{scale['model']}`, and ten times as many where a request takes ten times as "
        "long. The replicas share nothing, so what stops is beside them. What is not measured "
        "here is said to be assumed."
    )
    log = (
        f"A log that takes all that PostgreSQL does, {POSTGRES_ROWS:,} rows/s of "
        f"{ROW_BYTES} bytes (assumed), is {disk:,.0f} GB a day."
    )
    return [
        f"## Towards {WANTED:,} requests a second", "", *wrap(head, WIDTH), "",
        "| what stops | at replicas | requests/s | why | what takes its place |",
        "| --- | ---: | ---: | --- | --- |",
        *(_line(one, rate) for one in limits(rate, measured)), "", *wrap(log, WIDTH),
    ]  # fmt: skip


def _line(limit: Limit, rate: float) -> str:
    at = ("-", "-") if limit.replicas is None else (
        f"{limit.replicas:,}", f"{limit.replicas * rate:,.0f}"
    )  # fmt: skip
    return f"| {limit.part} | {at[0]} | {at[1]} | {limit.why} | {limit.instead} |"
