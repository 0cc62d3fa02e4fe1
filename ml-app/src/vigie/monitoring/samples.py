"""Samples of metrics: of snapshots, from a page of metrics, from a Prometheus that kept them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from vigie.errors import VigieError

if TYPE_CHECKING:
    import requests

    from vigie.monitoring.snapshots import Family

TIMEOUT_SECONDS = 10


class MetricsError(VigieError):
    """Nothing answers there, or something else than metrics."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One value under a name and labels."""

    name: str
    labels: Mapping[str, str]
    value: float


class Samples:
    """The samples of merged snapshots, by name."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._by_name: dict[str, list[Sample]] = {}
        for family in families:
            for name, labels, value in family["samples"]:
                self._by_name.setdefault(name, []).append(Sample(name, labels, value))

    def all(self) -> list[Sample]:
        """Every sample."""
        return [sample for samples in self._by_name.values() for sample in samples]

    def named(self, name: str, **labels: str) -> list[Sample]:
        """The samples of a name that have these labels."""
        wanted = labels.items()
        return [one for one in self._by_name.get(name, ()) if wanted <= one.labels.items()]

    def total(self, name: str, **labels: str) -> float:
        """The sum of the samples of a name that have these labels; 0 where there is none."""
        return sum(sample.value for sample in self.named(name, **labels))


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
    # workers read samples too, but ask nobody over HTTP: they do without what that takes
    import requests

    try:
        said = requests.get(url, params=params, timeout=TIMEOUT_SECONDS)
        said.raise_for_status()
    except requests.RequestException:
        raise MetricsError(f"{url} does not answer") from None
    return said
