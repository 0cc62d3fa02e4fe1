"""A model version that serves: loaded, verified, warm, with all that a request needs bound."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from vigie.engines.predictor import Predictor, open_predictor
from vigie.errors import RefusedPackage
from vigie.models.document import Input
from vigie.models.package import read_package
from vigie.models.training_errors import training_errors
from vigie.monitoring.model_metrics import STAGES
from vigie.predictionlog.entry import truth_kind
from vigie.registry.cache import CHAMPION, CachedVersion
from vigie.serving.metrics import Metrics
from vigie.serving.runtime.latency_model import Pace

WARM_UP_CALLS = 3


@dataclass(frozen=True, slots=True, weakref_slot=True)
class LiveModel:
    """One served version of one model. Never changes; a swap replaces the whole object."""

    name: str
    version: str
    digest: str
    run_id: str
    predictor: Predictor
    pace: Pace
    headers: list[tuple[bytes, bytes]]
    inputs: dict[str, Input]
    loaded_at: float = field(default_factory=time.time)

    @property
    def engine(self) -> str:
        """The engine that runs this version."""
        return self.predictor.engine.name


def load_live(name: str, cached: CachedVersion, engine: str, batch_rows: int) -> LiveModel:
    """Opens a verified package, checks its golden rows, warms it up and measures it."""
    predictor = open_predictor(read_package(cached.root, cached.digest), engine)
    predictor.check_golden()
    document = predictor.package.document
    if document.name != name:
        raise RefusedPackage(f"the package says that it is {document.name}, not {name}")
    return LiveModel(
        name=name,
        version=cached.version,
        digest=cached.digest,
        run_id=cached.run_id,
        predictor=predictor,
        pace=_measure(predictor, batch_rows),
        headers=[
            (b"x-model-name", name.encode()),
            (b"x-model-version", cached.version.encode()),
            (b"x-model-digest", cached.digest.encode()),
        ],
        inputs={item.name: item for item in document.inputs},
    )


def _measure(predictor: Predictor, batch_rows: int) -> Pace:
    return Pace(_time_call(predictor, 1), _time_call(predictor, batch_rows), batch_rows)


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


def describe_outside(item: Input) -> str:
    """The warning for a value that is allowed but was not seen in training."""
    if item.choices is not None:
        return f"{item.name} has a value that was not seen in training"
    low, high = item.range or (0, 0)
    return f"{item.name} is outside the range seen in training ({low:.6g} to {high:.6g})"


class LiveMetrics:
    """The series of one version, bound once so that a request only adds numbers."""

    def __init__(self, metrics: Metrics, live: LiveModel) -> None:
        name, version = live.name, live.version
        metrics.models.start_version_at_zero(name, version)
        document = live.predictor.package.document
        metrics.feedback.start_version_at_zero(name, version, truth_kind(document))
        for kind, error in training_errors(document.metrics).items():
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
