"""A loaded model version: verified, warm, its speed known, all that a request needs bound."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from vigie.engines.predictor import open_predictor
from vigie.errors import RefusedPackage
from vigie.models.package import read_package
from vigie.models.row_forms import USUAL
from vigie.monitoring.model_metrics import STAGES
from vigie.predictionlog.entry import truth_kind
from vigie.registry.cache import CHAMPION

if TYPE_CHECKING:
    from vigie.engines.predictor import Predictor
    from vigie.models.document import PackageDocument
    from vigie.models.model_input import Input
    from vigie.registry.cache import CachedVersion
    from vigie.serving.metrics import Metrics

WARM_UP_CALLS = 3
QUICK_SECONDS = 0.002
"""A model that takes less for a full batch runs in the event loop, and holds nobody up."""
SHORTEST_QUEUE_SECONDS = 0.05
SHORTEST_PHOTO_QUEUE_SECONDS = 2.0
"""Photos take so long to send and to decode that more of a wait for the model does no harm."""
LEAST_GAIN = 0.9
"""Rows are put together where one of many takes at most so much of what it takes alone."""
SMOOTHING = 0.1
WINDOW_CALLS = 32
LARGEST_STEP = 4.0
"""More than so many times what was thought is a pause of the machine, no news of the model."""


class LatencyModel:
    """A fixed time per call and one per row, seconds, times what the machine makes of it now."""

    def __init__(
        self,
        one_row: float,
        full_batch: float,
        batch_rows: int,
        least_queue_seconds: float = SHORTEST_QUEUE_SECONDS,
    ) -> None:
        self.batch_rows = batch_rows
        """The most rows of several requests that share a call."""
        self.least_queue_seconds = least_queue_seconds
        """A queue that is not longer turns nobody away."""
        self._per_row = max((full_batch - one_row) / max(batch_rows - 1, 1), 0.0)
        self._per_call = max(one_row - self._per_row, 1e-6)
        self._correction = 1.0
        self.slow = full_batch > QUICK_SECONDS
        """Whether the model needs a thread of its own; only a clear change changes it."""
        self._seen = 0
        self._least = math.inf

    def nominal_seconds(self, rows: int) -> float:
        """How long so many rows took when the model was loaded, in calls of at most the row cap."""
        # a single request above the cap is one call
        calls = max(-(-rows // self.batch_rows), 1)
        return calls * self._per_call + rows * self._per_row

    def seconds(self, rows: int) -> float:
        """How long so many rows take now."""
        return self.nominal_seconds(rows) * self._correction

    def observe(self, rows: int, seconds: float, computed: float) -> None:
        """Learns from a call: how long it took, and how much of that the model itself did."""
        plain = self.nominal_seconds(rows)
        before, ratio = self._correction, seconds / plain
        found = min(max(ratio, before / LARGEST_STEP), before * LARGEST_STEP)
        self._correction = before + SMOOTHING * (found - before)
        self._least = min(self._least, computed / plain)
        self._seen += 1
        if self._seen == WINDOW_CALLS:
            self._decide(self.nominal_seconds(self.batch_rows) * self._least)
            self._seen, self._least = 0, math.inf

    def _decide(self, full_batch: float) -> None:
        """Judges by the quickest of many calls: on a busy machine others say little of a model."""
        if full_batch > 2 * QUICK_SECONDS:
            self.slow = True
        elif full_batch < QUICK_SECONDS:
            self.slow = False


@dataclass(frozen=True, slots=True, weakref_slot=True)
class LoadedModel:
    """One served version of one model. Never changes; a swap replaces the whole object."""

    name: str
    version: str
    digest: str
    run_id: str
    predictor: Predictor
    latency: LatencyModel
    headers: list[tuple[bytes, bytes]]
    inputs: dict[str, Input]
    images: tuple[Input, ...] = ()
    """The inputs that take photos."""
    loaded_at: float = field(default_factory=time.time)
    head: bytes = field(init=False)
    """`headers` as they are sent."""

    def __post_init__(self) -> None:
        head = b"".join([b"%b: %b\r\n" % header for header in self.headers])
        object.__setattr__(self, "head", head)

    @property
    def document(self) -> PackageDocument:
        """What the package says of itself."""
        return self.predictor.package.document

    @property
    def engine(self) -> str:
        """The engine that runs this version."""
        return self.predictor.engine.name


def load_model(name: str, cached: CachedVersion, engine: str, batch_rows: int) -> LoadedModel:
    """Opens a verified package, checks its golden rows, warms it up and measures it."""
    predictor = open_predictor(read_package(cached.root, cached.digest), engine)
    predictor.check_golden()
    _read_as_sent(predictor)
    document = predictor.package.document
    batch_rows = min(batch_rows, document.rows_at_once)
    if document.name != name:
        raise RefusedPackage(f"the package says that it is {document.name}, not {name}")
    return LoadedModel(
        name=name,
        version=cached.version,
        digest=cached.digest,
        run_id=cached.run_id,
        predictor=predictor,
        latency=_measure(predictor, batch_rows),
        headers=[
            (b"x-model-name", name.encode()),
            (b"x-model-version", cached.version.encode()),
            (b"x-model-digest", cached.digest.encode()),
        ],
        inputs={item.name: item for item in document.inputs},
        images=document.images,
    )


def _read_as_sent(predictor: Predictor) -> None:
    """Compiles the signature, which would hold up the event loop at the first request."""
    document = predictor.package.document
    if not document.images:
        body = orjson.dumps({USUAL.member: [document.example]})
        predictor.decoder.compiled.read(body, USUAL, 1)


def _measure(predictor: Predictor, batch_rows: int) -> LatencyModel:
    images = predictor.package.document.images
    one_row, full_batch = _time_call(predictor, 1), _time_call(predictor, batch_rows)
    rows = useful_rows(one_row, full_batch, batch_rows)
    return LatencyModel(
        one_row,
        full_batch if rows == batch_rows else one_row,
        rows,
        SHORTEST_PHOTO_QUEUE_SECONDS if images else SHORTEST_QUEUE_SECONDS,
    )


def useful_rows(one_row: float, full_batch: float, batch_rows: int) -> int:
    """The most rows of a call: one for a slow model that gains less than a tenth by more of them.

    Each caller has his answer as soon as it can be had then, and the memory of one row is enough.
    """
    if one_row > QUICK_SECONDS and full_batch > LEAST_GAIN * batch_rows * one_row:
        return 1
    return batch_rows


def _time_call(predictor: Predictor, batch_rows: int) -> float:
    rows = list(predictor.package.golden.rows)
    many = (rows * (batch_rows // len(rows) + 1))[:batch_rows]
    decoded = predictor.decoder.decode(many)
    clock = clock_of(predictor)
    fastest = float("inf")
    for _ in range(WARM_UP_CALLS):
        started = clock()
        predictor.predict(decoded.columns)
        fastest = min(fastest, clock() - started)
    return fastest


def clock_of(predictor: Predictor) -> Callable[[], float]:
    """The clock of what a model computes, where that can be told; else of time. Seconds."""
    return time.thread_time if predictor.engine.in_caller else time.perf_counter


class VersionMetrics:
    """The series of one version, bound once so that a request only adds numbers."""

    def __init__(self, metrics: Metrics, live: LoadedModel) -> None:
        name, version = live.name, live.version
        metrics.models.start_version_at_zero(name, version)
        document = live.document
        metrics.feedback.know(name, version, truth_kind(document))
        for kind, error in document.training_errors().items():
            metrics.models.training_error.labels(name, version, kind).set(error)
        self.rows = metrics.models.predictions.labels(name, version)
        self.queue, self.decode, self.infer, self.encode = (
            metrics.models.stage_seconds.labels(name, version, stage) for stage in STAGES
        )
        self.outside = {
            item: metrics.models.outside_range.labels(name, version, item) for item in live.inputs
        }
        package = live.predictor.package
        self.bins = (
            metrics.bins.follow(name, version, package.profile, package.document)
            if package.profile
            else None
        )
        self.info = (name, version, CHAMPION, live.run_id, live.engine)

    @property
    def asked(self) -> bool:
        """True where the version has answered, or takes the place of one that has."""
        return self.infer.expected or self.rows.begun

    def expect_rows(self) -> None:
        """Shows the histograms at 0, so that the first rows are seen to be more."""
        for series in (self.queue, self.decode, self.infer, self.encode):
            series.expected = True
