"""Slots: many requests become one call, and every caller gets exactly its own rows."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.contexts import context_of
from support.packages import PRICE_PER_M2, install
from support.worker import HOME
from vigie.engines.base import Engine, Feeds
from vigie.engines.predictor import Predictor
from vigie.errors import DeadlineExceeded, ModelFailure, VigieError
from vigie.models.profile import build_profile
from vigie.models.rows import Decoded
from vigie.registry.cache import ModelCache
from vigie.serving.metrics import Metrics
from vigie.serving.runtime.loaded_model import LatencyModel, LoadedModel, load_model
from vigie.serving.runtime.messages import RequestContext, Result
from vigie.serving.runtime.model_slot import ModelSlot

RAISES, NOT_FINITE = 666.0, 999.0
"""Surfaces on which the watched engine fails."""
SLOW = 10.0


class WatchedEngine:
    """The real engine; counts rows per call, fails on markers, waits where it is told to."""

    name = "onnx"
    in_caller = True

    def __init__(self, engine: Engine) -> None:
        self.calls: list[int] = []
        self.threads: set[str] = set()
        self.entered = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()
        self.during: Callable[[], object] = lambda: None
        self._engine = engine

    def run(self, feeds: Feeds, wanted: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        surface, during = feeds["surface_m2"], self.during
        self.calls.append(len(surface))
        self.threads.add(threading.current_thread().name)
        self.entered.set()
        assert self.go_on.wait(60)
        during()
        if (surface == RAISES).any():
            raise RuntimeError("/secret/path")
        answers = self._engine.run(feeds, wanted)
        answers["price_eur"][surface == NOT_FINITE] = np.nan
        return answers


def load(cache: ModelCache, version: str = "1", factor: float = 1.0) -> LoadedModel:
    """A version of `housing`, quick, on a watched engine."""
    install(cache, "housing", version, factor)
    cached = cache.champion("housing")
    assert cached is not None
    live = load_model("housing", cached, "auto", 8)
    predictor = Predictor(live.predictor.package, WatchedEngine(live.predictor.engine))
    return replace(live, predictor=predictor, latency=paced(0.0))


def paced(call_seconds: float) -> LatencyModel:
    """The latency of a model whose every call takes as long."""
    return LatencyModel(call_seconds, call_seconds, 64)


class Roomy(LatencyModel):
    """The latency of a model for which nobody ever waits too long."""

    def seconds(self, rows: int) -> float:
        return 0.0


def engine_of(live: LoadedModel) -> WatchedEngine:
    engine = live.predictor.engine
    assert isinstance(engine, WatchedEngine)
    return engine


@pytest.fixture
def live(tmp_path: Path) -> LoadedModel:
    return load(ModelCache(tmp_path / "cache"))


@pytest.fixture
def slot(live: LoadedModel) -> ModelSlot:
    slot = ModelSlot("housing", Metrics())
    slot.swap(live)
    return slot


def context_for(
    live: LoadedModel, *surfaces: float, deadline: float = float("inf")
) -> RequestContext:
    decoded = live.predictor.decoder.decode([HOME | {"surface_m2": s} for s in surfaces])
    return context_of(live, decoded, deadline)


def surfaces_of(result: Result, factor: float = 1.0) -> list[float]:
    """The surfaces that were asked about, worked out from the answers."""
    prices = result.answers.outputs["price_eur"]
    return [round((price - 2500) / (PRICE_PER_M2 * factor), 2) for price in prices.tolist()]


WAITING: dict[int, asyncio.Future[Result]] = {}
"""Who waits for what becomes of a request, by the identity of its context."""


def submitted(slot: ModelSlot, context: RequestContext) -> asyncio.Future[Result]:
    """What becomes of a request that is queued now."""
    loop = asyncio.get_running_loop()
    future = WAITING[id(context)] = loop.create_future()
    slot.submit(context, loop, settle)
    return future


def settle(context: RequestContext, result: Result | VigieError) -> None:
    future = WAITING.pop(id(context))
    if context.over:
        return
    if isinstance(result, VigieError):
        future.set_exception(result)
    else:
        future.set_result(result)


def submit_all(slot: ModelSlot, *contexts: RequestContext) -> list[Any]:
    """Every result or error of requests that arrive in one turn of the loop."""

    async def submit() -> list[Any]:
        futures = [submitted(slot, context) for context in contexts]
        return await asyncio.gather(*futures, return_exceptions=True)

    return asyncio.run(submit())


def slow(live: LoadedModel) -> LoadedModel:
    return replace(live, latency=paced(SLOW))


def until(event: threading.Event) -> Callable[[], bool]:
    return lambda: event.wait(60)


# --- batches


def test_jobs_of_one_turn_become_one_call(slot: ModelSlot, live: LoadedModel) -> None:
    outcomes = submit_all(
        slot, context_for(live, 20, 21), context_for(live, 30), context_for(live, 40, 41, 42)
    )
    assert engine_of(live).calls == [6]
    assert [surfaces_of(result) for result in outcomes] == [[20, 21], [30], [40, 41, 42]]


def test_jobs_of_two_turns_are_two_calls(slot: ModelSlot, live: LoadedModel) -> None:
    async def submit() -> None:
        await submitted(slot, context_for(live, 20))
        await submitted(slot, context_for(live, 30))

    asyncio.run(submit())
    assert engine_of(live).calls == [1, 1]


@pytest.mark.parametrize("call_seconds", [0.0, SLOW])
def test_five_hundred_callers_get_their_own_rows(
    slot: ModelSlot, live: LoadedModel, call_seconds: float
) -> None:
    live = replace(live, latency=Roomy(call_seconds, call_seconds, 64))
    chance = random.Random(5)
    numbers = iter(chance.sample(range(900, 100_000), 2000))
    wanted = [[next(numbers) / 100 for _ in range(chance.randint(1, 4))] for _ in range(500)]

    async def request(surfaces: list[float]) -> list[float]:
        for _ in range(chance.randint(0, 5)):
            await asyncio.sleep(0)
        return surfaces_of(await submitted(slot, context_for(live, *surfaces)))

    async def call_all() -> list[list[float]]:
        return await asyncio.gather(*map(request, wanted))

    got = asyncio.run(call_all())
    assert sum(one != other for one, other in zip(got, wanted, strict=True)) == 0
    calls = engine_of(live).calls
    assert sum(calls) == sum(map(len, wanted))
    assert max(calls) <= 64
    assert len(calls) < 250


def test_a_call_has_at_most_the_capped_rows(slot: ModelSlot, live: LoadedModel) -> None:
    contexts = [context_for(live, *[20.0] * rows) for rows in (40, 24, 1, 63, 100, 2)]
    outcomes = submit_all(slot, *contexts)
    assert engine_of(live).calls == [64, 64, 100, 2]
    assert [len(surfaces_of(result)) for result in outcomes] == [40, 24, 1, 63, 100, 2]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 12)), max_size=40))
def test_batches_lose_nothing_and_mix_nothing(shape: list[tuple[int, int]]) -> None:
    versions: list[Any] = [SimpleNamespace(latency=LatencyModel(0.0, 0.0, 10)) for _ in range(3)]
    slot = ModelSlot("housing", Metrics())
    waiting: list[Any] = [
        context_of(versions[version], Decoded(rows, {}), 0.0) for version, rows in shape
    ]
    batches = list(slot.batches(waiting))
    assert [entry for batch in batches for entry in batch] == waiting
    for batch in batches:
        assert len({id(context.live) for context in batch}) == 1
        assert len(batch) == 1 or sum(context.decoded.rows for context in batch) <= 10


def test_two_versions_never_share_a_call(
    slot: ModelSlot, live: LoadedModel, tmp_path: Path
) -> None:
    other = load(ModelCache(tmp_path / "cache"), "2", factor=2.0)
    contexts = [
        context_for(live, 20),
        context_for(live, 21),
        context_for(other, 30),
        context_for(live, 40),
    ]
    outcomes = submit_all(slot, *contexts)
    assert engine_of(live).calls == [2, 1]
    assert engine_of(other).calls == [1]
    factors = [1, 1, 2, 1]
    found = [surfaces_of(o, f) for o, f in zip(outcomes, factors, strict=True)]
    assert found == [[20], [21], [30], [40]]


def test_the_size_of_calls_is_measured(slot: ModelSlot, live: LoadedModel) -> None:
    metrics = Metrics()
    slot = ModelSlot("housing", metrics)
    submit_all(slot, context_for(live, 20), context_for(live, 21, 22))
    assert metrics.registry.get_sample_value("vigie_batch_rows_sum", {"model": "housing"}) == 3
    assert metrics.registry.get_sample_value("vigie_batch_rows_count", {"model": "housing"}) == 1


def test_the_rows_of_a_call_are_counted_in_the_bins_of_training(live: LoadedModel) -> None:
    package = live.predictor.package
    rows = [{**HOME, "surface_m2": float(number), "land_m2": None} for number in range(20, 40)]
    rows[0]["land_m2"] = 60.0
    columns = {item.name: [row.get(item.name) for row in rows] for item in package.document.inputs}
    profile = build_profile(package.document.inputs, columns, np.arange(20) * 1.0)
    profiled = replace(package, profile=profile)
    live = replace(live, predictor=Predictor(profiled, live.predictor.engine))
    metrics = Metrics()
    slot = ModelSlot("housing", metrics)
    slot.swap(live)
    decoded = [live.predictor.decoder.decode([row]) for row in (*rows, {**HOME, "land_m2": 50})]
    submit_all(slot, *(context_of(live, one, deadline=float("inf")) for one in decoded))
    assert engine_of(live).calls == [21]
    bins = metrics.bins.follow("housing", live.version, profile, package.document)
    bins.add_up()
    land = bins.inputs["land_m2"]
    assert dict(zip(land.distribution.bins, land.counts.tolist(), strict=True))["missing"] == 19
    assert land.counts.sum() == bins.inputs["surface_m2"].counts.sum() == 21


# --- failures


@pytest.mark.parametrize("call_seconds", [0.0, SLOW])
@pytest.mark.parametrize(
    ("marker", "reason"), [(RAISES, "internal"), (NOT_FINITE, "nonfinite_output")]
)
def test_a_failing_job_does_not_fail_its_neighbours(
    slot: ModelSlot, live: LoadedModel, marker: float, reason: str, call_seconds: float
) -> None:
    live = replace(live, latency=paced(call_seconds))
    one, bad, two = submit_all(
        slot, context_for(live, 20), context_for(live, marker), context_for(live, 30, 31)
    )
    assert surfaces_of(one) == [20]
    assert surfaces_of(two) == [30, 31]
    assert isinstance(bad, ModelFailure)
    assert bad.reason == reason
    assert "secret" not in str(bad)


@pytest.mark.parametrize("call_seconds", [0.0, SLOW])
def test_a_late_job_is_not_run(slot: ModelSlot, live: LoadedModel, call_seconds: float) -> None:
    live = replace(live, latency=paced(call_seconds))
    late = context_for(live, 30, deadline=time.perf_counter())
    one, gone, two = submit_all(slot, context_for(live, 20), late, context_for(live, 40))
    assert isinstance(gone, DeadlineExceeded)
    assert [surfaces_of(one), surfaces_of(two)] == [[20], [40]]
    assert sum(engine_of(live).calls) == 2


def test_when_all_are_late_nothing_is_run(slot: ModelSlot, live: LoadedModel) -> None:
    contexts = [context_for(live, 30, deadline=time.perf_counter()) for _ in range(3)]
    assert all(isinstance(one, DeadlineExceeded) for one in submit_all(slot, *contexts))
    assert engine_of(live).calls == []


def test_a_job_that_is_given_up_is_not_run(slot: ModelSlot, live: LoadedModel) -> None:
    async def submit() -> list[float]:
        contexts = [context_for(live, surface) for surface in (20, 30, 40)]
        futures = [submitted(slot, context) for context in contexts]
        contexts[1].over = True
        return [*surfaces_of(await futures[0]), *surfaces_of(await futures[2])]

    assert asyncio.run(submit()) == [20, 40]
    assert engine_of(live).calls == [2]


def test_one_job_in_the_callers_thread(slot: ModelSlot, live: LoadedModel) -> None:
    assert surfaces_of(slot.run(context_for(live, 20, 30))) == [20, 30]
    with pytest.raises(ModelFailure):
        slot.run(context_for(live, RAISES))


# --- slow models


def test_a_slow_model_leaves_the_loop_free(slot: ModelSlot, live: LoadedModel) -> None:
    live = slow(live)
    engine = engine_of(live)
    engine.go_on.clear()

    async def submit() -> list[list[float]]:
        first = submitted(slot, context_for(live, 20))
        await asyncio.to_thread(until(engine.entered))
        others = [submitted(slot, context_for(live, surface)) for surface in (30, 40, 50)]
        for _ in range(100):
            await asyncio.sleep(0)
        assert not any(future.done() for future in (first, *others))
        engine.go_on.set()
        return [surfaces_of(result) for result in await asyncio.gather(first, *others)]

    assert asyncio.run(submit()) == [[20], [30], [40], [50]]
    assert engine.calls == [1, 3]
    assert engine.threads == {"model-housing"}


def test_a_quick_model_runs_in_the_loop(slot: ModelSlot, live: LoadedModel) -> None:
    submit_all(slot, context_for(live, 20))
    assert engine_of(live).threads == {threading.current_thread().name}


def test_a_caller_who_leaves_during_the_call_moves_nobodys_rows(
    slot: ModelSlot, live: LoadedModel
) -> None:
    live = slow(live)
    engine = engine_of(live)
    engine.go_on.clear()

    async def submit() -> list[list[float]]:
        loop = asyncio.get_running_loop()
        first = submitted(slot, context_for(live, 20))
        await asyncio.to_thread(until(engine.entered))
        contexts = [context_for(live, surface) for surface in (30, 40, 50)]
        _, *others = [submitted(slot, context) for context in contexts]
        left = threading.Event()

        def leave() -> None:
            contexts[0].over = True
            left.set()

        engine.during = lambda: (loop.call_soon_threadsafe(leave), left.wait(60))
        engine.go_on.set()
        await first
        return [surfaces_of(await future) for future in others]

    assert asyncio.run(submit()) == [[40], [50]]
    assert engine.calls == [1, 3]


def test_the_queue_is_counted_in_and_out(live: LoadedModel) -> None:
    metrics = Metrics()
    slot = ModelSlot("housing", metrics)
    live = slow(live)
    engine = engine_of(live)
    engine.go_on.clear()

    def depth() -> float:
        value = metrics.registry.get_sample_value("vigie_queue_depth", {"model": "housing"})
        return float(value or 0.0)

    async def submit() -> None:
        futures = [submitted(slot, context_for(live, 20)) for _ in range(3)]
        assert depth() == 3
        engine.go_on.set()
        await asyncio.gather(*futures)

    asyncio.run(submit())
    assert depth() == 0


# --- versions


@pytest.mark.parametrize("call_seconds", [0.0, SLOW])
def test_a_swap_leaves_jobs_on_the_version_they_began(
    slot: ModelSlot, live: LoadedModel, tmp_path: Path, call_seconds: float
) -> None:
    other = load(ModelCache(tmp_path / "cache"), "2", factor=2.0)
    old, new = (replace(one, latency=paced(call_seconds)) for one in (live, other))

    async def submit() -> list[Result]:
        before = submitted(slot, context_for(old, 20))
        slot.swap(new)
        return [await before, await submitted(slot, context_for(new, 20))]

    before, after = asyncio.run(submit())
    assert surfaces_of(before) == [20]
    assert surfaces_of(after, 2.0) == [20]
    assert slot.live is new


def versions_in(metrics: Metrics) -> set[str]:
    """The versions that have series, but for the empty one of truths without a prediction."""
    return {
        sample.labels["version"]
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.labels.get("version") and family.name != "vigie_build_info"
    }


def info_of(metrics: Metrics) -> list[str]:
    (family,) = [f for f in metrics.registry.collect() if f.name == "vigie_model_info"]
    return [sample.labels["version"] for sample in family.samples]


def test_series_are_kept_for_two_versions(live: LoadedModel) -> None:
    metrics = Metrics()
    slot = ModelSlot("housing", metrics)
    for number, expected in enumerate([{"1"}, {"1", "2"}, {"2", "3"}, {"3", "4"}], 1):
        slot.swap(replace(live, version=str(number)))
        assert versions_in(metrics) == expected
        assert info_of(metrics) == [str(number)]
    assert slot.bound_to(replace(live, version="2")) is None
    reloads = {"model": "housing", "outcome": "swapped"}
    assert metrics.registry.get_sample_value("vigie_model_reloads_total", reloads) == 4


@pytest.mark.parametrize("order", ["121", "1212", "11", "1223", "12123", "1121"])
def test_versions_may_come_back(live: LoadedModel, order: str) -> None:
    metrics = Metrics()
    slot = ModelSlot("housing", metrics)
    for version in order:
        slot.swap(replace(live, version=version, digest=version * 64))
        assert info_of(metrics) == [version]
        assert slot.bound_to(slot.live or live) is not None
        metrics.models.predictions.labels("housing", version).observe(1)
    assert versions_in(metrics) == set(order[-2:])


def test_known_series_start_at_zero(live: LoadedModel) -> None:
    metrics = Metrics()
    ModelSlot("housing", metrics).swap(live)
    labels = {"model": "housing", "version": "1"}
    value = metrics.registry.get_sample_value
    assert value("vigie_predictions_total", labels) == 0
    assert value("vigie_prediction_failures_total", labels | {"reason": "engine"}) == 0
    assert value("vigie_input_outside_range_total", labels | {"feature": "rooms"}) == 0
    assert value("vigie_stage_duration_seconds_count", labels | {"stage": "infer"}) is None


def test_the_successor_of_a_version_that_was_asked_starts_at_zero(live: LoadedModel) -> None:
    metrics = Metrics()
    slot = ModelSlot("housing", metrics)

    def infer_of(version: str) -> float | None:
        slot.swap(replace(live, version=version))
        shown: float | None = metrics.registry.get_sample_value(
            "vigie_stage_duration_seconds_count",
            {"model": "housing", "version": version, "stage": "infer"},
        )
        return shown

    assert [infer_of("1"), infer_of("2")] == [None, None]
    bound = slot.bound_to(slot.live or live)
    assert bound is not None
    bound.rows.observe(1)
    # the one after may come before anybody asks it: what is expected of it is so of its successor
    assert [infer_of("3"), infer_of("4")] == [0, 0]
