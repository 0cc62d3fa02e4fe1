"""The last ten minutes of the whole service, and which version served since when: one small file.

A publisher adds a point every ten seconds; whichever worker is asked reads them. Nothing is kept
but what the status page shows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vigie.files import write_atomically
from vigie.monitoring.http_metrics import LATENCY_SECONDS

if TYPE_CHECKING:
    from vigie.monitoring.samples import Samples

STEP_SECONDS = 10.0
SPAN_SECONDS = 600.0
MOST_POINTS = int(SPAN_SECONDS / STEP_SECONDS) + 1
MOST_CHANGES = 200
CHANGES_A_MODEL = 5
_BUCKETS = len(LATENCY_SECONDS) + 1
FAMILIES = frozenset(
    {"vigie_http_requests", "vigie_http_request_duration_seconds", "vigie_model_info"}
)
"""All that is read of the metrics."""


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Point(_Kept):
    """Predictions answered by all workers until one moment, in Unix seconds."""

    at: float
    requests: float
    refused: float
    """Of these, with a 4xx code: the caller's mistake."""
    failed: float
    """Of these, with a 5xx code: ours."""
    buckets: tuple[float, ...] = Field(min_length=_BUCKETS, max_length=_BUCKETS)
    """Answers within each bound of `LATENCY_SECONDS`, and all of them."""

    @property
    def counts(self) -> np.ndarray:
        """All counts in one row."""
        return np.array([self.requests, self.refused, self.failed, *self.buckets])


class Change(_Kept):
    """A version began to serve, in place of `before` where one did."""

    at: float
    model: str
    version: str
    before: str | None = None


class Record(_Kept):
    """What the file holds, the oldest first."""

    points: tuple[Point, ...] = ()
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """What was answered between two moments; counts as in `Point.counts`."""

    start: float
    end: float
    counts: np.ndarray

    @property
    def requests(self) -> float:
        """Requests answered."""
        return float(self.counts[0])

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / (self.end - self.start)

    @property
    def refused_share(self) -> float | None:
        """The share answered with a 4xx code; `None` without requests."""
        return float(self.counts[1]) / self.requests if self.requests else None

    @property
    def failed_share(self) -> float | None:
        """The share answered with a 5xx code; `None` without requests."""
        return float(self.counts[2]) / self.requests if self.requests else None

    def seconds(self, share: float) -> float | None:
        """The time within which this share was answered; `None` without requests."""
        return quantile(share, LATENCY_SECONDS, self.counts[3:])


def quantile(share: float, bounds: Sequence[float], cumulated: np.ndarray) -> float | None:
    """A quantile from the cumulated counts [bounds + 1] of a histogram; `None` where it is empty.

    As Prometheus' `histogram_quantile` (querying/functions in its documentation): linear within
    the bucket, from 0 in the first, and the highest bound for what lies above all of them.
    """
    rank = share * float(cumulated[-1])
    if rank <= 0:
        return None
    place = int(np.searchsorted(cumulated, rank))
    if place >= len(bounds):
        return bounds[-1]
    low, below = (bounds[place - 1], float(cumulated[place - 1])) if place else (0.0, 0.0)
    within = (rank - below) / (float(cumulated[place]) - below)
    return low + (bounds[place] - low) * within


def spans_of(points: Sequence[Point], now: float) -> list[Span]:
    """What was answered between each two points of the last ten minutes, the oldest first."""
    recent = [point for point in points if now - SPAN_SECONDS <= point.at <= now]
    return [Span(one.at, other.at, _growth(one, other)) for one, other in pairwise(recent)]


def joined(spans: Sequence[Span], since: float) -> Span | None:
    """The spans that end after `since` as one; `None` where there is none."""
    wanted = [span for span in spans if span.end > since]
    if not wanted:
        return None
    counts = np.sum([span.counts for span in wanted], axis=0)
    return Span(wanted[0].start, wanted[-1].end, counts)


def _growth(before: Point, after: Point) -> np.ndarray:
    """How far the counts have grown; where one fell the service began anew at zero."""
    then, now = before.counts, after.counts
    return now if (now < then).any() else now - then


def read_history(path: Path) -> Record:
    """What was kept; nothing where there is no such file, or something else in it."""
    try:
        return Record.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return Record()


class History:
    """The file, written by publishers alone. `routes` are those whose requests count."""

    def __init__(self, path: Path, routes: Collection[str] = ()) -> None:
        self._path = path
        self._routes = frozenset(routes)
        self._last = 0.0

    def is_due(self, now: float) -> bool:
        """True where the last point is a step ago, or in the future: the clock was set back."""
        if not 0 <= now - self._last < STEP_SECONDS:
            # another replica may have added it
            points = read_history(self._path).points
            self._last = points[-1].at if points else 0.0
        return not 0 <= now - self._last < STEP_SECONDS

    def add(self, samples: Samples, now: float) -> None:
        """Adds the counts of this moment and drops what is too old. Raises `OSError`."""
        self._last = now
        kept = read_history(self._path)
        points = [point for point in kept.points if now - SPAN_SECONDS <= point.at < now]
        record = Record(
            points=(*points[1 - MOST_POINTS :], self._point(samples, now)),
            changes=_changes(kept.changes, samples, now),
        )
        # ten minutes that the next ten replace are not worth waiting for the disk
        write_atomically(self._path, orjson.dumps(record.model_dump()))

    def _point(self, samples: Samples, now: float) -> Point:
        requests, refused, failed = 0.0, 0.0, 0.0
        for sample in samples.named("vigie_http_requests_total"):
            if sample.labels["route"] in self._routes:
                requests += sample.value
                refused += sample.value if sample.labels["code"].startswith("4") else 0
                failed += sample.value if sample.labels["code"].startswith("5") else 0
        bounds = dict.fromkeys((*map(repr, LATENCY_SECONDS), "+Inf"), 0.0)
        for sample in samples.named("vigie_http_request_duration_seconds_bucket"):
            # counts of a release before may have other buckets
            if sample.labels["route"] in self._routes and sample.labels["le"] in bounds:
                bounds[sample.labels["le"]] += sample.value
        buckets = tuple(bounds.values())
        return Point(at=now, requests=requests, refused=refused, failed=failed, buckets=buckets)


def _changes(known: Sequence[Change], samples: Samples, now: float) -> tuple[Change, ...]:
    """The changes with those that these samples show; the newest few of each model."""
    serving = {change.model: change.version for change in known}
    champions: dict[str, set[str]] = {}
    for sample in samples.named("vigie_model_info", alias="champion"):
        champions.setdefault(sample.labels["model"], set()).add(sample.labels["version"])
    changes = list(known)
    for model, versions in champions.items():
        before = serving.get(model)
        # while the workers take turns at loading, two versions serve: the change is not yet done
        if len(versions) == 1 and before not in versions:
            changes.append(Change(at=now, model=model, version=versions.pop(), before=before))
    return tuple(_newest(changes)[-MOST_CHANGES:])


def _newest(changes: Sequence[Change]) -> list[Change]:
    kept: list[Change] = []
    seen: Counter[str] = Counter()
    for change in reversed(changes):
        seen[change.model] += 1
        if seen[change.model] <= CHANGES_A_MODEL:
            kept.append(change)
    return kept[::-1]
