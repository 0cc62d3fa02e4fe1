"""Inputs and predictions counted into the bins of the profile: what drift is computed from.

A call of the model costs one append to a list; every few hundred rows are counted together.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from vigie.models.model_output import best_labels
from vigie.models.photo_figures import FIGURES
from vigie.models.profile import RESERVED_BINS, choice_bin
from vigie.monitoring.gauges import MergedGauges
from vigie.monitoring.series_text import SeriesText

if TYPE_CHECKING:
    from vigie.models.document import PackageDocument
    from vigie.models.profile import Distribution, Profile
    from vigie.models.rows import Decoded
    from vigie.monitoring.gauges import Merge

log = logging.getLogger("vigie.monitoring")

ROWS_AT_ONCE = 512


class BinCounts:
    """How many values fell into each bin of one distribution, in the order of its bins."""

    def __init__(self, distribution: Distribution, fill: object = None) -> None:
        self.distribution = distribution
        self.counts = np.zeros(len(distribution.bins), np.int64)
        names = {name: place for place, name in enumerate(distribution.bins)}
        self._missing, below, above, self._other = (names[name] for name in RESERVED_BINS)
        self._edges = np.array(distribution.edges)
        within = len(distribution.edges) - 1
        # by place among the edges: the bins, what is above, and last, as -1, what is below
        self._places = np.array([*range(within), above, below])
        self._names = names
        self._fill = None if fill is None else self._count([fill])
        self._texts: tuple[SeriesText, bytes] | None = None
        self._text = b""

    def add(self, values: Sequence[Any], missing: int = 0) -> None:
        """Counts values; so many of them are fills of missing ones."""
        self._text = b""
        self.counts += self._count(values)
        if missing and self._fill is not None:
            self.counts -= missing * self._fill
            self.counts[self._missing] += missing

    def texts(self, kind: str, labels: Mapping[str, str]) -> tuple[bytes, bytes]:
        """Its counts and its reference shares as a snapshot has them; `labels` never change."""
        if self._texts is None:
            bins = [{**labels, "bin": name} for name in self.distribution.bins]
            counted = SeriesText((f"vigie_{kind}_bin_total", one) for one in bins)
            reference = SeriesText((f"vigie_{kind}_reference_ratio", one) for one in bins)
            self._texts = counted, reference.of(self.distribution.shares)
        names, shares = self._texts
        self._text = self._text or names.of(self.counts.tolist())
        return self._text, shares

    def _count(self, values: Sequence[Any]) -> np.ndarray:
        if self.distribution.kind == "choice":
            counts = np.zeros(len(self.counts), np.int64)
            for value, number in Counter(values).items():
                counts[self._names.get(choice_bin(value), self._other)] += number
            return counts
        numbers = np.array(values, np.float64)
        found = self._edges.searchsorted(numbers, "right") - 1
        # the last bin holds its upper edge, as in the profile
        found[numbers == self._edges[-1]] = len(self._edges) - 2
        return np.bincount(self._places[found], minlength=len(self.counts))


class VersionBins:
    """The bins of one served version. `observe` may be called from any thread.

    What the profile describes otherwise than the document is left out: it can be counted no more.
    Of a photo the figures are counted, each as a feature: `photo.brightness`.
    """

    def __init__(self, profile: Profile, document: PackageDocument) -> None:
        self.inputs = {
            item.name: BinCounts(
                profile.inputs[item.name], item.missing.fill if item.missing else None
            )
            for item in document.inputs
            if item.name in profile.inputs
            and not item.shape
            and profile.inputs[item.name].kind == ("choice" if item.choices else "numeric")
        }
        self._figures = {
            (item.name, place): BinCounts(profile.inputs[f"{item.name}.{figure}"])
            for item in document.images
            for place, figure in enumerate(FIGURES)
            if (found := profile.inputs.get(f"{item.name}.{figure}")) and found.kind == "numeric"
        }
        self._values = tuple(self.inputs)
        self.inputs |= {
            f"{name}.{FIGURES[place]}": counts for (name, place), counts in self._figures.items()
        }
        output = document.outputs[0]
        self._output = output.name
        self._labels = document.labels if document.task == "classification" else ()
        kind = "choice" if self._labels else "numeric"
        counted = profile.prediction.kind == kind and (self._labels or not output.shape)
        self.prediction = BinCounts(profile.prediction) if counted else None
        self._lock = threading.Lock()
        self._pending: list[tuple[Decoded, Mapping[str, np.ndarray]]] = []
        self._rows = 0

    def observe(self, decoded: Decoded, outputs: Mapping[str, np.ndarray]) -> None:
        """Counts answered rows: their inputs and each output [rows, …]."""
        self._pending.append((decoded, outputs))
        self._rows += decoded.rows
        if self._rows >= ROWS_AT_ONCE:
            self.add_up()

    def add_up(self) -> None:
        """Takes what waits into the counts."""
        with self._lock:
            number = len(self._pending)
            waiting = self._pending[:number]
            del self._pending[:number]
            self._rows = 0
            try:
                if waiting:
                    self._count(waiting)
            except Exception:
                # figures may be lost, but neither the answers nor the page that shows them
                log.exception("the rows of %d calls could not be counted", number)

    def texts(
        self, labels: Mapping[str, str]
    ) -> tuple[list[tuple[bytes, bytes]], list[tuple[bytes, bytes]]]:
        """`BinCounts.texts` of the inputs, and of the prediction where it is counted."""
        # nothing may be counted between the counts and what is kept of them
        with self._lock:
            inputs = [
                counts.texts("feature", {**labels, "feature": name})
                for name, counts in self.inputs.items()
            ]
            counted = [self.prediction] if self.prediction else []
            return inputs, [counts.texts("prediction", labels) for counts in counted]

    def _count(self, waiting: Sequence[tuple[Decoded, Mapping[str, np.ndarray]]]) -> None:
        for name in self._values:
            counts = self.inputs[name]
            values = list(chain.from_iterable(decoded.columns[name] for decoded, _ in waiting))
            counts.add(values, sum(decoded.missing.get(name, 0) for decoded, _ in waiting))
        for (name, place), counts in self._figures.items():
            counts.add([row[place] for decoded, _ in waiting for row in decoded.figures[name]])
        if self.prediction is None:
            return
        answers = np.concatenate([outputs[self._output] for _, outputs in waiting])
        if self._labels:
            self.prediction.add(best_labels(self._labels, answers))
        else:
            self.prediction.add(answers.tolist())


class BinMetrics:
    """The bins of every served version as metrics, beside what training saw in them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._versions: dict[tuple[str, str], VersionBins] = {}
        merges: dict[str, Merge] = {
            "vigie_feature_reference_ratio": "max",
            "vigie_prediction_reference_ratio": "max",
        }
        MergedGauges(self, merges, registry)

    def follow(
        self, model: str, version: str, profile: Profile, document: PackageDocument
    ) -> VersionBins:
        """The bins of a version, shown from now on; those it has where it is shown already."""
        key = (model, version)
        if key not in self._versions:
            self._versions[key] = VersionBins(profile, document)
        return self._versions[key]

    def forget(self, model: str, version: str) -> None:
        """Shows them no longer."""
        self._versions.pop((model, version), None)

    def collect(self) -> Iterator[Metric]:
        """What prometheus_client asks for."""
        families = _families()
        for (model, version), bins in self._shown():
            for name, counts in bins.inputs.items():
                _add(*families[:2], (model, version, name), counts)
            if bins.prediction is not None:
                _add(*families[2:], (model, version), bins.prediction)
        return iter(families)

    def texts(self) -> list[tuple[Metric, list[bytes]]]:
        """The same as texts, of which those that have not changed cost nothing."""
        inputs: list[tuple[bytes, bytes]] = []
        predictions: list[tuple[bytes, bytes]] = []
        for (model, version), bins in self._shown():
            found = bins.texts({"model": model, "version": version})
            inputs += found[0]
            predictions += found[1]
        series = [
            [one[place] for one in kind] for kind in (inputs, predictions) for place in (0, 1)
        ]
        return list(zip(_families(), series, strict=True))

    def _shown(self) -> Iterator[tuple[tuple[str, str], VersionBins]]:
        for labels, bins in list(self._versions.items()):
            bins.add_up()
            yield labels, bins


def _families() -> tuple[
    CounterMetricFamily, GaugeMetricFamily, CounterMetricFamily, GaugeMetricFamily
]:
    """The metrics without series: of the inputs, then of the prediction."""
    prediction = ("model", "version", "bin")
    feature = ("model", "version", "feature", "bin")
    return (
        CounterMetricFamily(
            "vigie_feature_bin", "Rows per bin of an input, the bins of training.", labels=feature
        ),
        GaugeMetricFamily(
            "vigie_feature_reference_ratio", "The bin's share of the training rows.",
            labels=feature,
        ),
        CounterMetricFamily(
            "vigie_prediction_bin", "Rows per bin of the prediction, the bins of training.",
            labels=prediction,
        ),
        GaugeMetricFamily(
            "vigie_prediction_reference_ratio", "The bin's share of the training predictions.",
            labels=prediction,
        ),
    )  # fmt: skip


def _add(
    counter: CounterMetricFamily,
    reference: GaugeMetricFamily,
    labels: tuple[str, ...],
    counts: BinCounts,
) -> None:
    distribution = counts.distribution
    shares = zip(distribution.bins, counts.counts.tolist(), distribution.shares, strict=True)
    for name, number, share in shares:
        counter.add_metric((*labels, name), number)
        reference.add_metric((*labels, name), share)
