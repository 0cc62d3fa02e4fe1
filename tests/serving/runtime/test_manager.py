"""The manager follows the cache: loads, swaps, keeps what works, says why something does not."""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from pathlib import Path
from typing import Any

import orjson
import pytest

from support.contexts import context_of
from support.packages import housing_document, install
from support.waiting import wait_until
from support.worker import HOME, filled_cache, loaded, settings_for
from vigie.errors import NotFound, Unavailable
from vigie.registry.cache import ModelCache, Refusal
from vigie.serving.runtime import manager as managers
from vigie.serving.runtime.loaded_model import LoadedModel, load_model
from vigie.serving.runtime.manager import ModelManager
from vigie.serving.runtime.messages import Request, RequestContext
from vigie.serving.worker_state import WorkerState


def price(manager: ModelManager) -> float:
    live = manager.slot("housing").live
    assert live is not None
    decoded = live.predictor.decoder.decode([HOME])
    return float(live.predictor.predict(decoded.columns).outputs["price_eur"][0])


def version(manager: ModelManager, name: str = "housing") -> str:
    live = manager.slot(name).live
    assert live is not None
    return live.version


def reloads(worker_state: WorkerState, result: str) -> float:
    labels = {"model": "housing", "outcome": result}
    value = worker_state.metrics.registry.get_sample_value
    return float(value("vigie_model_reloads_total", labels) or 0.0)


def ask_once(worker_state: WorkerState) -> None:
    route = worker_state.pipeline.route("/predict/housing")
    assert route is not None
    request = Request("POST", "/predict/housing", {}, orjson.dumps(HOME))
    assert worker_state.pipeline.answer(request, route).status == 200


def series_of(worker_state: WorkerState, name: str) -> list[str]:
    return [
        sample.name
        for family in worker_state.metrics.registry.collect()
        for sample in family.samples
        if sample.labels.get("model") == name
    ]


def break_graph(cache: ModelCache, digest: str) -> None:
    (cache.folder / "housing" / "versions" / digest / "vigie" / "model.onnx").write_bytes(b"no")


def test_refresh_loads_what_the_cache_points_to(worker_state: WorkerState) -> None:
    manager = worker_state.manager
    assert manager.unready() == {}
    assert version(manager) == version(manager, "iris") == "1"
    live = manager.slot("housing").live
    manager.refresh()
    assert manager.slot("housing").live is live
    assert reloads(worker_state, "swapped") == 1


def test_refresh_swaps_when_the_pointer_moves(cache: ModelCache, worker_state: WorkerState) -> None:
    manager = worker_state.manager
    before, slot = price(manager), manager.slot("housing")
    first = cache.pointer("housing")
    install(cache, "housing", "2", factor=2.0)
    manager.refresh()
    assert version(manager) == "2"
    assert manager.slot("housing") is slot
    assert price(manager) > 1.9 * before
    assert first is not None
    cache.point("housing", first)
    manager.refresh()
    assert (version(manager), price(manager)) == ("1", before)
    assert reloads(worker_state, "swapped") == 3


def test_the_same_package_under_a_new_version_is_a_new_version(
    cache: ModelCache, worker_state: WorkerState
) -> None:
    install(cache, "housing", "2")
    worker_state.manager.refresh()
    assert version(worker_state.manager) == "2"


def test_a_broken_package_keeps_the_old_version(
    cache: ModelCache, worker_state: WorkerState, caplog: pytest.LogCaptureFixture
) -> None:
    before = price(worker_state.manager)
    break_graph(cache, install(cache, "housing", "2", factor=2.0))
    with caplog.at_level(logging.ERROR):
        worker_state.manager.refresh()
        worker_state.manager.refresh()
    assert (version(worker_state.manager), price(worker_state.manager)) == ("1", before)
    assert worker_state.manager.unready() == {}
    assert reloads(worker_state, "failed") == 1
    assert caplog.messages == [
        "housing version 2 cannot be loaded: ONNX Runtime cannot load vigie/model.onnx"
    ]
    install(cache, "housing", "3", factor=3.0)
    worker_state.manager.refresh()
    assert version(worker_state.manager) == "3"


def test_wrong_golden_answers_are_not_served(cache: ModelCache, worker_state: WorkerState) -> None:
    digest = install(cache, "housing", "2", factor=2.0)
    golden = cache.folder / "housing" / "versions" / digest / "vigie" / "golden.json"
    golden.write_bytes(golden.read_bytes().replace(b'"price_eur":[', b'"price_eur":[1'))
    worker_state.manager.refresh()
    assert version(worker_state.manager) == "1"


def test_a_package_of_another_name_is_not_served(
    cache: ModelCache, worker_state: WorkerState
) -> None:
    install(cache, "housing", "2", document=housing_document("castle"))
    worker_state.manager.refresh()
    assert version(worker_state.manager) == "1"


def test_no_package_stops_a_worker_or_its_other_models(tmp_path: Path) -> None:
    """Faults that nobody explained count as broken packages too."""
    cache = filled_cache(tmp_path / "cache")
    install(cache, "housing", "2", document=housing_document() | {"interval": {"level": 0.9}})
    worker_state = loaded(settings_for(cache, tmp_path / "state"))
    assert version(worker_state.manager, "iris") == "1"
    assert worker_state.manager.unready() == {
        "housing": "version 2 cannot be loaded by this worker",
    }
    assert reloads(worker_state, "failed") == 1


def test_a_package_that_vanishes_is_waited_for(
    cache: ModelCache, worker_state: WorkerState
) -> None:
    cache.point("housing", "a" * 64)
    worker_state.manager.refresh()
    assert version(worker_state.manager) == "1"


def test_a_replaced_version_leaves_memory_with_its_last_request(
    cache: ModelCache, worker_state: WorkerState
) -> None:
    """No look of the garbage collector is needed: it would hold up the loop."""
    first = worker_state.manager.slot("housing").live
    assert first is not None
    engine, old = weakref.ref(first.predictor.engine), weakref.ref(first)
    context: RequestContext | None = context_of(
        first, first.predictor.decoder.decode([HOME]), float("inf")
    )
    del first
    gc.collect()
    gc.disable()
    try:
        install(cache, "housing", "2", factor=2.0)
        worker_state.manager.refresh()
        ask_once(worker_state)
        assert old() is not None
        context = None
        assert (old(), engine(), context) == (None, None, None)
    finally:
        gc.enable()


def test_a_third_version_waits_for_the_requests_of_the_first(
    cache: ModelCache, worker_state: WorkerState, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = worker_state.manager
    request = manager.slot("housing").live
    for number in ("2", "3"):
        install(cache, "housing", number, factor=float(number))
        manager.refresh()
    assert (version(manager), request is None) == ("2", False)
    monkeypatch.setattr(managers, "CROWDED_SECONDS", 0.0)
    manager.refresh()
    assert version(manager) == "3"
    monkeypatch.undo()
    install(cache, "housing", "4", factor=4.0)
    request = None
    manager.refresh()
    assert version(manager) == "4"


def test_workers_swap_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(managers, "LOOK_SECONDS", 0.001)
    cache = filled_cache(tmp_path / "cache")
    (tmp_path / "state").mkdir()
    workers = [loaded(settings_for(cache, tmp_path / "state")) for _ in range(4)]
    inside, most = [0], [0]

    def watched(*given: Any) -> LoadedModel:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        live = load_model(*given)
        inside[0] -= 1
        return live

    monkeypatch.setattr(managers, "load_model", watched)
    stop = threading.Event()
    threads = [threading.Thread(target=worker.manager.follow, args=(stop,)) for worker in workers]
    for thread in threads:
        thread.start()
    install(cache, "housing", "2", factor=2.0)
    wait_until(lambda: {version(worker.manager) for worker in workers} == {"2"})
    stop.set()
    for thread in threads:
        thread.join()
    assert most == [1]


# --- readiness


def test_unready_says_why(tmp_path: Path) -> None:
    cache = ModelCache(tmp_path / "cache")
    worker_state = loaded(settings_for(cache, tmp_path / "state"))
    manager = worker_state.manager
    nothing = "no verified version in the cache yet; train one, or wait for the registry"
    assert manager.unready() == {"housing": nothing, "iris": nothing}
    install(cache, "iris")
    cache.refuse("housing", Refusal("7", "f" * 64, "the signature is wrong"))
    manager.refresh()
    assert manager.unready() == {"housing": "version 7 is refused: the signature is wrong"}
    with pytest.raises(Unavailable, match="version 7 is refused") as caught:
        manager.slot("housing")
    assert caught.value.retry_after == 5
    cache.clear_refusal("housing")
    break_graph(cache, install(cache, "housing", "8"))
    manager.refresh()
    assert manager.unready() == {"housing": "version 8 cannot be loaded by this worker"}
    install(cache, "housing", "9", factor=1.5)
    manager.refresh()
    assert manager.unready() == {}


def test_a_refused_candidate_leaves_a_serving_version_ready(
    cache: ModelCache, worker_state: WorkerState
) -> None:
    cache.refuse("housing", Refusal("2", "f" * 64, "worse"))
    worker_state.manager.refresh()
    assert worker_state.manager.unready() == {}
    assert version(worker_state.manager) == "1"


def test_a_lost_cache_leaves_everything_ready(cache: ModelCache, worker_state: WorkerState) -> None:
    cache.folder.rename(cache.folder.with_name("lost"))
    worker_state.manager.refresh()
    assert worker_state.manager.unready() == {}
    assert price(worker_state.manager) > 0


# --- names


def test_a_star_discovers_every_other_model(tmp_path: Path) -> None:
    cache = ModelCache(tmp_path / "cache")
    worker_state = loaded(settings_for(cache, tmp_path / "state", models=("*",)))
    manager = worker_state.manager
    assert manager.unready() == {"*": "no model has a champion yet"}
    with pytest.raises(Unavailable, match="No model is served yet"):
        manager.slot(None)
    for name in ("housing", "iris"):
        install(cache, name)
        manager.refresh()
        assert manager.unready() == {}
        assert manager.slot(name).live is not None
    assert manager.first == "housing"


def test_without_a_star_other_models_stay_out(tmp_path: Path) -> None:
    cache = filled_cache(tmp_path / "cache")
    worker_state = loaded(settings_for(cache, tmp_path / "state", models=("iris",)))
    assert list(worker_state.manager.slots) == ["iris"]
    with pytest.raises(NotFound, match="Models: iris"):
        worker_state.manager.slot("housing")


def test_a_broken_model_found_by_the_star_is_no_model(tmp_path: Path) -> None:
    cache = filled_cache(tmp_path / "cache")
    digest = cache.pointer("housing")
    assert digest is not None
    break_graph(cache, digest)
    worker_state = loaded(settings_for(cache, tmp_path / "state", models=("iris", "*")))
    assert list(worker_state.manager.slots) == ["iris"]
    assert worker_state.manager.unready() == {}


def test_the_first_named_model_is_first(tmp_path: Path) -> None:
    cache = filled_cache(tmp_path / "cache")
    worker_state = loaded(settings_for(cache, tmp_path / "state", models=("iris", "housing")))
    assert worker_state.manager.first == "iris"
    assert worker_state.manager.slot(None).name == "iris"


def test_a_discovered_model_goes_with_its_champion(tmp_path: Path) -> None:
    cache = filled_cache(tmp_path / "cache")
    worker_state = loaded(settings_for(cache, tmp_path / "state", models=("iris", "*")))
    ask_once(worker_state)
    with cache.lock("housing"):
        cache.forget("housing")
    worker_state.manager.refresh()
    assert list(worker_state.manager.slots) == ["iris"]
    with pytest.raises(NotFound):
        worker_state.manager.slot("housing")
    assert series_of(worker_state, "housing") == []
    assert worker_state.manager.unready() == {}
    install(cache, "housing", "2")
    worker_state.manager.refresh()
    assert version(worker_state.manager) == "2"
    ask_once(worker_state)


def test_a_required_model_outlives_its_champion(
    cache: ModelCache, worker_state: WorkerState
) -> None:
    with cache.lock("housing"):
        cache.forget("housing")
    worker_state.manager.refresh()
    assert version(worker_state.manager) == "1"
    assert worker_state.manager.unready() == {}
    ask_once(worker_state)


def test_a_lost_cache_takes_no_discovered_model(tmp_path: Path) -> None:
    cache = filled_cache(tmp_path / "cache")
    worker_state = loaded(settings_for(cache, tmp_path / "state", models=("*",)))
    cache.folder.rename(tmp_path / "lost")
    worker_state.manager.refresh()
    assert list(worker_state.manager.slots) == ["housing", "iris"]


def test_a_request_under_way_ends_on_a_model_that_is_gone(tmp_path: Path) -> None:
    cache = filled_cache(tmp_path / "cache")
    worker_state = loaded(settings_for(cache, tmp_path / "state", models=("iris", "*")))
    slot = worker_state.manager.slot("housing")
    live = slot.live
    assert live is not None
    context = context_of(live, live.predictor.decoder.decode([HOME]), float("inf"))
    with cache.lock("housing"):
        cache.forget("housing")
    worker_state.manager.refresh()
    assert slot.run(context).answers.outputs["price_eur"].shape == (1,)
    assert series_of(worker_state, "housing") == []


# --- in the background


def test_follow_goes_on_after_a_failure(
    cache: ModelCache, worker_state: WorkerState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(managers, "LOOK_SECONDS", 0.001)
    stop, looks = threading.Event(), [0]

    def refresh() -> None:
        looks[0] += 1
        if looks[0] == 3:
            stop.set()
        raise OSError("the disk is away")

    monkeypatch.setattr(worker_state.manager, "refresh", refresh)
    worker_state.manager.follow(stop)
    assert looks == [3]
