"""Inputs and predictions counted into the bins of the profile: what drift is computed from.

A call of the model leaves its values, eight bytes each; once a second, or when there are many of
them, they are counted together.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from vigie.models.photo_figures import FIGURES
from vigie.monitoring.bin_counts import ChoiceCounts, NumberCounts
from vigie.monitoring.gauges import MergedGauges

if TYPE_CHECKING:
    from vigie.models.document import PackageDocument
    from vigie.models.profile import Profile
    from vigie.models.rows import Decoded
    from vigie.monitoring.bin_counts import BinCounts
    from vigie.monitoring.gauges import Merge

log = logging.getLogger("vigie.monitoring")

MOST_WAITING = 2**15
"""Values of a version that wait at most, 256 KiB: counting them takes less than a millisecond."""


class VersionBins:
    """The bins of one served version. `observe` may be called from any thread.

    What the profile describes otherwise than the document is left out: it can be counted no more.
    Of a photo the figures are counted, each as a feature: `photo.brightness`.
    """

    def __init__(self, profile: Profile, document: PackageDocument) -> None:
        self._numbers: dict[str, NumberCounts] = {}
        self._choices: dict[str, ChoiceCounts] = {}
        for item in document.inputs:
            found, fill = profile.inputs.get(item.name), item.missing.fill if item.missing else None
            if found is None or item.shape:
                continue
            if item.choices and found.kind == "choice":
                self._choices[item.name] = ChoiceCounts(found, fill)
            elif not item.choices and found.kind == "numeric":
                self._numbers[item.name] = NumberCounts(found, fill)
        self._figures = {
            (item.name, place): NumberCounts(found)
            for item in document.images
            for place, figure in enumerate(FIGURES)
            if (found := profile.inputs.get(f"{item.name}.{figure}")) and found.kind == "numeric"
        }
        figures = {f"{name}.{FIGURES[at]}": counts for (name, at), counts in self._figures.items()}
        named: dict[str, BinCounts] = {**self._numbers, **self._choices}
        # as callers know them: in the order of the inputs
        ordered = {item.name: named[item.name] for item in document.inputs if item.name in named}
        self.inputs: dict[str, BinCounts] = {**ordered, **figures}
        output = document.outputs[0]
        self._output = output.name
        self.prediction: NumberCounts | ChoiceCounts | None = None
        if profile.prediction.kind == "choice" and document.task == "classification":
            self.prediction = ChoiceCounts(profile.prediction)
            self._labels = self.prediction.places_of(document.labels)
        elif profile.prediction.kind == "numeric" and not output.shape:
            self.prediction = NumberCounts(profile.prediction)
        self._width = len(self.inputs) + 1
        self._waiting = 0
        self._answers: list[np.ndarray] = []
        self._lock = threading.Lock()

    def observe(self, decoded: Decoded, outputs: Mapping[str, np.ndarray]) -> None:
        """Counts answered rows: their inputs and each output [rows, …]."""
        try:
            answers, columns, missing = outputs[self._output], decoded.columns, decoded.missing
            for name, numbers in self._numbers.items():
                values = columns[name]
                if missing or type(values) is not list:
                    numbers.wait(values, missing.get(name, 0))
                else:
                    numbers.keep(values)
            for name, choices in self._choices.items():
                choices.wait(columns[name], missing.get(name, 0))
            for (name, place), numbers in self._figures.items():
                numbers.wait([row[place] for row in decoded.figures[name]])
            if self.prediction is not None:
                self._answers.append(answers)
            self._waiting += decoded.rows * self._width + answers.size
        except Exception:
            # figures may be lost, but never the answers
            log.exception("the rows of a call could not be counted")
        if self._waiting >= MOST_WAITING:
            self.add_up()

    def add_up(self) -> None:
        """Takes what waits into the counts."""
        with self._lock:
            if not self._waiting:
                return
            # first: what comes in between will be looked at again
            self._waiting = 0
            try:
                for counts in self.inputs.values():
                    counts.add_up()
                if self.prediction is not None:
                    self._add_up_answers(self.prediction)
            except Exception:
                # nor the page that shows them
                log.exception("the rows of some calls could not be counted")

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

    def _add_up_answers(self, prediction: NumberCounts | ChoiceCounts) -> None:
        waiting = self._answers[:]
        del self._answers[: len(waiting)]
        if waiting:
            answers = np.concatenate(waiting)
            choice = isinstance(prediction, ChoiceCounts)
            prediction.count(self._labels[answers.argmax(axis=1)] if choice else answers)


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
