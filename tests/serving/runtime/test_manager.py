"""The fleet follows the cache: loads, swaps, keeps what works, says why something does not."""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from pathlib import Path
from typing import Any

import orjson
import pytest

from conftest import HOME, filled_cache, loaded, settings_for, wait_until
from support.packages import housing_document, install
from vigie.errors import NotFound, Unavailable
from vigie.registry.cache import ModelCache, Refusal
from vigie.serving.runtime import manager as fleets
from vigie.serving.runtime.job import Job
from vigie.serving.runtime.loaded_model import LiveModel, load_live
from vigie.serving.runtime.manager import Fleet
from vigie.serving.runtime.messages import Call
from vigie.serving.worker_state import Services


def price(fleet: Fleet) -> float:
    live = fleet.slot("housing").live
    assert live is not None
    decoded = live.predictor.decoder.decode([HOME])
    return float(live.predictor.predict(decoded.columns).outputs["price_eur"][0])


def version(fleet: Fleet, name: str = "housing") -> str:
    live = fleet.slot(name).live
    assert live is not None
    return live.version


def reloads(services: Services, outcome: str) -> float:
    labels = {"model": "housing", "outcome": outcome}
    value = services.metrics.registry.get_sample_value
    return float(value("vigie_model_reloads_total", labels) or 0.0)


def ask_once(services: Services) -> None:
    route = services.pipeline.route("/predict/housing")
    assert route is not None
    call = Call("POST", "/predict/housing", {}, orjson.dumps(HOME))
    assert services.pipeline.answer(call, route).status == 200


def series_of(services: Services, name: str) -> list[str]:
    return [
        sample.name
        for family in services.metrics.registry.collect()
        for sample in family.samples
        if sample.labels.get("model") == name
    ]


def break_graph(cache: ModelCache, digest: str) -> None:
    (cache.folder / "housing" / "versions" / digest / "vigie" / "model.onnx").write_bytes(b"no")


def test_refresh_loads_what_the_cache_points_to(services: Services) -> None:
    fleet = services.fleet
    assert fleet.unready() == {}
    assert version(fleet) == version(fleet, "iris") == "1"
    live = fleet.slot("housing").live
    fleet.refresh()
    assert fleet.slot("housing").live is live
    assert reloads(services, "swapped") == 1


def test_refresh_swaps_when_the_pointer_moves(cache: ModelCache, services: Services) -> None:
    fleet = services.fleet
    before, slot = price(fleet), fleet.slot("housing")
    first = cache.pointer("housing")
    install(cache, "housing", "2", factor=2.0)
    fleet.refresh()
    assert version(fleet) == "2"
    assert fleet.slot("housing") is slot
    assert price(fleet) > 1.9 * before
    assert first is not None
    cache.point("housing", first)
    fleet.refresh()
    assert (version(fleet), price(fleet)) == ("1", before)
    assert reloads(services, "swapped") == 3


def test_the_same_package_under_a_new_version_is_a_new_version(
    cache: ModelCache, services: Services
) -> None:
    install(cache, "housing", "2")
    services.fleet.refresh()
    assert version(services.fleet) == "2"


def test_a_broken_package_keeps_the_old_version(
    cache: ModelCache, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    before = price(services.fleet)
    break_graph(cache, install(cache, "housing", "2", factor=2.0))
    with caplog.at_level(logging.ERROR):
        services.fleet.refresh()
        services.fleet.refresh()
    assert (version(services.fleet), price(services.fleet)) == ("1", before)
    assert services.fleet.unready() == {}
    assert reloads(services, "failed") == 1
    assert caplog.messages == [
        "housing version 2 cannot be loaded: ONNX Runtime cannot load vigie/model.onnx"
    ]
    install(cache, "housing", "3", factor=3.0)
    services.fleet.refresh()
    assert version(services.fleet) == "3"


def test_wrong_golden_answers_are_not_served(cache: ModelCache, services: Services) -> None:
    digest = install(cache, "housing", "2", factor=2.0)
    golden = cache.folder / "housing" / "versions" / digest / "vigie" / "golden.json"
    golden.write_bytes(golden.read_bytes().replace(b'"price_eur":[', b'"price_eur":[1'))
    services.fleet.refresh()
    assert version(services.fleet) == "1"


def test_a_package_of_another_name_is_not_served(cache: ModelCache, services: Services) -> None:
    install(cache, "housing", "2", document=housing_document("castle"))
    services.fleet.refresh()
    assert version(services.fleet) == "1"


def test_no_package_stops_a_worker_or_its_other_models(tmp_path: Path) -> None:
    """Faults that nobody explained count as broken packages too."""
    cache = filled_cache(tmp_path / "cache")
    install(cache, "housing", "2", document=housing_document() | {"interval": {"level": 0.9}})
    services = loaded(settings_for(cache, tmp_path / "state"))
    assert version(services.fleet, "iris") == "1"
    assert services.fleet.unready() == {
        "housing": "version 2 cannot be loaded by this worker",
    }
    assert reloads(services, "failed") == 1


def test_a_package_that_vanishes_is_waited_for(cache: ModelCache, services: Services) -> None:
    cache.point("housing", "a" * 64)
    services.fleet.refresh()
    assert version(services.fleet) == "1"


def test_a_replaced_version_leaves_memory_with_its_last_request(
    cache: ModelCache, services: Services
) -> None:
    """No look of the garbage collector is needed: it would hold up the loop."""
    first = services.fleet.slot("housing").live
    assert first is not None
    engine, old = weakref.ref(first.predictor.engine), weakref.ref(first)
    job: Job | None = Job(first, first.predictor.decoder.decode([HOME]), float("inf"))
    del first
    gc.collect()
    gc.disable()
    try:
        install(cache, "housing", "2", factor=2.0)
        services.fleet.refresh()
        ask_once(services)
        assert old() is not None
        job = None
        assert (old(), engine(), job) == (None, None, None)
    finally:
        gc.enable()


def test_a_third_version_waits_for_the_requests_of_the_first(
    cache: ModelCache, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = services.fleet
    request = fleet.slot("housing").live
    for number in ("2", "3"):
        install(cache, "housing", number, factor=float(number))
        fleet.refresh()
    assert (version(fleet), request is None) == ("2", False)
    monkeypatch.setattr(fleets, "CROWDED_SECONDS", 0.0)
    fleet.refresh()
    assert version(fleet) == "3"
    monkeypatch.undo()
    install(cache, "housing", "4", factor=4.0)
    request = None
    fleet.refresh()
    assert version(fleet) == "4"


def test_workers_swap_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleets, "LOOK_SECONDS", 0.001)
    cache = filled_cache(tmp_path / "cache")
    (tmp_path / "state").mkdir()
    workers = [loaded(settings_for(cache, tmp_path / "state")) for _ in range(4)]
    inside, most = [0], [0]

    def watched(*given: Any) -> LiveModel:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        live = load_live(*given)
        inside[0] -= 1
        return live

    monkeypatch.setattr(fleets, "load_live", watched)
    stop = threading.Event()
    threads = [threading.Thread(target=worker.fleet.follow, args=(stop,)) for worker in workers]
    for thread in threads:
        thread.start()
    install(cache, "housing", "2", factor=2.0)
    wait_until(lambda: {version(worker.fleet) for worker in workers} == {"2"})
    stop.set()
    for thread in threads:
        thread.join()
    assert most == [1]


# --- readiness


def test_unready_says_why(tmp_path: Path) -> None:
    cache = ModelCache(tmp_path / "cache")
    services = loaded(settings_for(cache, tmp_path / "state"))
    fleet = services.fleet
    nothing = "no verified version in the cache yet; train one, or wait for the registry"
    assert fleet.unready() == {"housing": nothing, "iris": nothing}
    install(cache, "iris")
    cache.refuse("housing", Refusal("7", "f" * 64, "the signature is wrong"))
    fleet.refresh()
    assert fleet.unready() == {"housing": "version 7 is refused: the signature is wrong"}
    with pytest.raises(Unavailable, match="version 7 is refused") as caught:
        fleet.slot("housing")
    assert caught.value.retry_after == 5
    cache.clear_refusal("housing")
    break_graph(cache, install(cache, "housing", "8"))
    fleet.refresh()
    assert fleet.unready() == {"housing": "version 8 cannot be loaded by this worker"}
    install(cache, "housing", "9", factor=1.5)
    fleet.refresh()
    assert fleet.unready() == {}


def test_a_refused_candidate_leaves_a_serving_version_ready(
    cache: ModelCache, services: Services
) -> None:
    cache.refuse("housing", Refusal("2", "f" * 64, "worse"))
    services.fleet.refresh()
    assert services.fleet.unready() == {}
    assert version(services.fleet) == "1"


def test_a_lost_cache_leaves_everything_ready(cache: ModelCache, services: Services) -> None:
    cache.folder.rename(cache.folder.with_name("lost"))
    services.fleet.refresh()
    assert services.fleet.unready() == {}
    assert price(services.fleet) > 0


# --- names


def test_a_star_discovers_every_other_model(tmp_path: Path) -> None:
    cache = ModelCache(tmp_path / "cache")
    services = loaded(settings_for(cache, tmp_path / "state", models=("*",)))
    fleet = services.fleet
    assert fleet.unready() == {"*": "no model has a champion yet"}
    with pytest.raises(Unavailable, match="No model is served yet"):
        fleet.slot(None)
    for name in ("housing", "iris"):
        install(cache, name)
        fleet.refresh()
        assert fleet.unready() == {}
        assert fleet.slot(name).live is not None
    assert fleet.first == "housing"


def test_without_a_star_other_models_stay_out(tmp_path: Path) -> None:
    cache = filled_cache(tmp_path / "cache")
    services = loaded(settings_for(cache, tmp_path / "state", models=("iris",)))
    assert list(services.fleet.slots) == ["iris"]
    with pytest.raises(NotFound, match="Models: iris"):
        services.fleet.slot("housing")


def test_a_broken_model_found_by_the_star_is_no_model(tmp_path: Path) -> None:
    cache = filled_cache(tmp_path / "cache")
    digest = cache.pointer("housing")
    assert digest is not None
    break_graph(cache, digest)
    services = loaded(settings_for(cache, tmp_path / "state", models=("iris", "*")))
    assert list(services.fleet.slots) == ["iris"]
    assert services.fleet.unready() == {}


def test_the_first_named_model_is_first(tmp_path: Path) -> None:
    cache = filled_cache(tmp_path / "cache")
    services = loaded(settings_for(cache, tmp_path / "state", models=("iris", "housing")))
    assert services.fleet.first == "iris"
    assert services.fleet.slot(None).name == "iris"


def test_a_discovered_model_goes_with_its_champion(tmp_path: Path) -> None:
    cache = filled_cache(tmp_path / "cache")
    services = loaded(settings_for(cache, tmp_path / "state", models=("iris", "*")))
    ask_once(services)
    with cache.lock("housing"):
        cache.forget("housing")
    services.fleet.refresh()
    assert list(services.fleet.slots) == ["iris"]
    with pytest.raises(NotFound):
        services.fleet.slot("housing")
    assert series_of(services, "housing") == []
    assert services.fleet.unready() == {}
    install(cache, "housing", "2")
    services.fleet.refresh()
    assert version(services.fleet) == "2"
    ask_once(services)


def test_a_required_model_outlives_its_champion(cache: ModelCache, services: Services) -> None:
    with cache.lock("housing"):
        cache.forget("housing")
    services.fleet.refresh()
    assert version(services.fleet) == "1"
    assert services.fleet.unready() == {}
    ask_once(services)


def test_a_lost_cache_takes_no_discovered_model(tmp_path: Path) -> None:
    cache = filled_cache(tmp_path / "cache")
    services = loaded(settings_for(cache, tmp_path / "state", models=("*",)))
    cache.folder.rename(tmp_path / "lost")
    services.fleet.refresh()
    assert list(services.fleet.slots) == ["housing", "iris"]


def test_a_request_under_way_ends_on_a_model_that_is_gone(tmp_path: Path) -> None:
    cache = filled_cache(tmp_path / "cache")
    services = loaded(settings_for(cache, tmp_path / "state", models=("iris", "*")))
    slot = services.fleet.slot("housing")
    live = slot.live
    assert live is not None
    job = Job(live, live.predictor.decoder.decode([HOME]), float("inf"))
    with cache.lock("housing"):
        cache.forget("housing")
    services.fleet.refresh()
    assert slot.run(job).answers.outputs["price_eur"].shape == (1,)
    assert series_of(services, "housing") == []


# --- in the background


def test_follow_goes_on_after_a_failure(
    cache: ModelCache, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleets, "LOOK_SECONDS", 0.001)
    stop, looks = threading.Event(), [0]

    def refresh() -> None:
        looks[0] += 1
        if looks[0] == 3:
            stop.set()
        raise OSError("the disk is away")

    monkeypatch.setattr(services.fleet, "refresh", refresh)
    services.fleet.follow(stop)
    assert looks == [3]
