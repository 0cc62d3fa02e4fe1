"""Samples of metrics: from a page that a service publishes, or from a Prometheus that kept them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import requests
from prometheus_client.parser import text_string_to_metric_families

from vigie.errors import VigieError

TIMEOUT_SECONDS = 10


class MetricsError(VigieError):
    """Nothing answers there, or something else than metrics."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One value under a name and labels."""

    name: str
    labels: Mapping[str, str]
    value: float


def scrape(url: str) -> list[Sample]:
    """The samples of a metrics page. Raises `MetricsError` where none can be had."""
    text = _get(url, {}).text
    try:
        families = list(text_string_to_metric_families(text))
    except ValueError:
        raise MetricsError(f"{url} is no page of metrics") from None
    return [
        Sample(sample.name, sample.labels, sample.value)
        for family in families
        for sample in family.samples
    ]


def query(url: str, expression: str, name: str) -> list[Sample]:
    """What an expression gives now, each value under this name. Raises `MetricsError`."""
    said = _get(f"{url.rstrip('/')}/api/v1/query", {"query": expression})
    try:
        found = said.json()["data"]["result"]
        return [Sample(name, one["metric"], float(one["value"][1])) for one in found]
    except (ValueError, LookupError, TypeError):
        raise MetricsError(f"{url} is no Prometheus") from None


def _get(url: str, params: Mapping[str, str]) -> requests.Response:
    try:
        said = requests.get(url, params=params, timeout=TIMEOUT_SECONDS)
        said.raise_for_status()
    except requests.RequestException:
        raise MetricsError(f"{url} does not answer") from None
    return said
