"""Following the registry: which models, what is noted, and a registry that fails."""

from __future__ import annotations

import logging
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import orjson
import pytest

from support.fake_mlflow import ARTIFACTS, REST, FakeMlflow, send, send_json
from support.registered import HeldAnswer, Registry, running, served, snapshot, tried, version_of
from support.waiting import wait_until
from vigie.errors import RegistryError
from vigie.registry.cache import ModelCache
from vigie.registry.sync import RegistrySync
from vigie.settings import Settings


def test_a_registry_that_is_away_leaves_the_cache_as_it_is(
    settings: Settings, cache: ModelCache, registry: Registry
) -> None:
    registry.housing("1")
    RegistrySync(settings).sync_once()
    before = snapshot(cache.folder)
    away = settings.model_copy(update={"mlflow_url": "http://127.0.0.1:1"})
    with pytest.raises(RegistryError):
        RegistrySync(away).sync_once()
    assert snapshot(cache.folder) == before


def test_a_model_that_cannot_be_fetched_does_not_hold_up_the_others(
    settings: Settings,
    cache: ModelCache,
    registry: Registry,
    mlflow: FakeMlflow,
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry.housing("1")
    registry.iris()
    uri = f"{REST}model-versions/get-download-uri"

    def only_iris(handler: BaseHTTPRequestHandler) -> None:
        name = "iris" if "name=iris" in handler.path else "housing"
        address = "mlflow-artifacts:/1/models/iris/1" if name == "iris" else "s3://bucket"
        send_json(handler, {"artifact_uri": address})

    mlflow.answers[uri] = only_iris
    both = settings.model_copy(update={"models": ("housing", "iris")})
    assert RegistrySync(both).sync_once() == {"housing": "refused", "iris": "installed"}
    refusal = cache.refusal("housing")
    assert refusal is not None
    assert "--serve-artifacts" in refusal.reason
    del mlflow.answers[uri]
    registry.housing("2")
    mlflow.answers[f"{ARTIFACTS}/1/models/housing/2/MLmodel"] = lambda h: send(h, b"", status=500)
    registry.iris("2")
    assert RegistrySync(both).sync_once() == {"housing": "failed", "iris": "installed"}
    assert "MLflow answered 500" in caplog.text
    assert served(cache, "iris").version == "2"
    assert cache.champion("housing") is None


def test_a_download_that_fails_keeps_no_withdrawn_model(
    settings: Settings, cache: ModelCache, registry: Registry, mlflow: FakeMlflow
) -> None:
    registry.housing("1")
    registry.housing("1", 2.0, "cottages")
    mlflow.answers[f"{ARTIFACTS}/1/models/housing/1/MLmodel"] = lambda h: send(h, b"", status=500)
    every = RegistrySync(settings.model_copy(update={"models": ("housing", "*")}))
    assert every.sync_once() == {"housing": "failed", "cottages": "installed"}
    del mlflow.aliases["cottages"]["champion"]
    assert every.sync_once() == {"housing": "failed", "cottages": "removed"}


def test_a_challenger_that_cannot_be_fetched_does_not_hold_up_its_champion(
    sync: RegistrySync, cache: ModelCache, registry: Registry, mlflow: FakeMlflow
) -> None:
    registry.housing("1")
    registry.housing("2", 2.0)
    mlflow.aliases["housing"] = {"champion": "1", "challenger": "2"}
    mlflow.answers[f"{ARTIFACTS}/1/models/housing/2/MLmodel"] = lambda h: send(h, b"", status=500)
    assert sync.sync_once() == {"housing": "installed"}
    assert sync.sync_once() == {"housing": "current"}
    assert tried(cache) is None


def test_a_download_that_fails_is_no_outage(
    settings: Settings,
    cache: ModelCache,
    registry: Registry,
    mlflow: FakeMlflow,
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry.housing("1")
    registry.iris()
    path = f"{ARTIFACTS}/1/models/housing/1/MLmodel"
    mlflow.answers[path] = lambda h: send(h, b"", status=500)
    search = f"{REST}registered-models/search"
    with running(settings.model_copy(update={"models": ("housing", "iris")})):
        # at the pace of a registry that answers: one that is away is asked every eight seconds
        wait_until(lambda: mlflow.asked.count(search) > 30)
        assert mlflow.asked.count(path) < 10
        wait_until(lambda: version_of(cache, "iris") == "1")
        del mlflow.answers[path]
        wait_until(lambda: cache.champion("housing") is not None)
    assert "the registry is away" not in caplog.text


def test_every_other_model_is_discovered(
    settings: Settings, cache: ModelCache, registry: Registry, mlflow: FakeMlflow, tmp_path: Path
) -> None:
    registry.housing("1")
    registry.housing("1", 2.0, "cottages")
    mlflow.register("../evil", "1", tmp_path, "d" * 64)
    mlflow.register("Upper", "1", tmp_path, "d" * 64)
    mlflow.register("candidate", "1", tmp_path, "d" * 64, alias="challenger")
    named = settings.model_copy(update={"models": ("housing",)})
    assert RegistrySync(named).sync_once() == {"housing": "installed"}
    every = settings.model_copy(update={"models": ("housing", "*")})
    assert RegistrySync(every).sync_once() == {"housing": "current", "cottages": "installed"}
    assert cache.models() == ["cottages", "housing"]


def test_a_discovered_model_goes_with_its_alias_and_a_required_one_stays(
    settings: Settings, cache: ModelCache, registry: Registry, mlflow: FakeMlflow
) -> None:
    registry.housing("1")
    registry.housing("1", 2.0, "cottages")
    every = RegistrySync(settings.model_copy(update={"models": ("housing", "*")}))
    every.sync_once()
    del mlflow.aliases["cottages"]["champion"], mlflow.aliases["housing"]["champion"]
    assert every.sync_once() == {"housing": "absent", "cottages": "removed"}
    assert cache.models() == ["housing"]
    assert [*(cache.folder / "cottages" / "versions").iterdir()] == []
    assert served(cache).version == "1"
    mlflow.aliases["cottages"]["champion"] = "1"
    assert every.sync_once()["cottages"] == "installed"


def test_without_a_star_other_cached_models_are_left_alone(
    sync: RegistrySync, cache: ModelCache, registry: Registry
) -> None:
    registry.housing("1", 2.0, "cottages")
    settings = sync._settings.model_copy(update={"models": ("*",)})
    RegistrySync(settings).sync_once()
    sync.sync_once()
    assert cache.models() == ["cottages"]


def test_a_short_list_of_models_removes_nothing(
    settings: Settings, cache: ModelCache, registry: Registry, mlflow: FakeMlflow
) -> None:
    registry.housing("1")
    every = RegistrySync(settings.model_copy(update={"models": ("*",)}))
    every.sync_once()
    mlflow.answers[f"{REST}registered-models/search"] = lambda h: send_json(h, {})
    assert every.sync_once() == {}
    assert cache.models() == ["housing"]


def test_the_last_success_is_noted(sync: RegistrySync, cache: ModelCache) -> None:
    before = time.time()
    sync.sync_once()
    assert before <= cache.registry_state().last_success <= time.time()
    noted = orjson.loads((cache.folder / "registry.json").read_bytes())
    assert set(noted) == {"last_success", "refusals"}


def test_the_process_outlives_an_outage_and_says_so_once(
    settings: Settings,
    cache: ModelCache,
    registry: Registry,
    mlflow: FakeMlflow,
    caplog: pytest.LogCaptureFixture,
) -> None:
    alias = f"{REST}registered-models/alias"
    caplog.set_level(logging.INFO)
    mlflow.answers[alias] = lambda h: send(h, b"<html>", "text/html", 502)
    registry.housing("1")
    stop = threading.Event()
    process = threading.Thread(target=RegistrySync(settings).run, args=(stop,))
    process.start()
    wait_until(lambda: mlflow.asked.count(alias) >= 3)
    del mlflow.answers[alias]
    wait_until(lambda: cache.champion("housing") is not None)
    wait_until(lambda: "the registry is back" in caplog.messages)
    stop.set()
    process.join()
    assert sum(message.startswith("the registry is away") for message in caplog.messages) == 1
    assert mlflow.url not in caplog.text


def test_a_registry_without_a_model_is_back_too(
    settings: Settings, mlflow: FakeMlflow, caplog: pytest.LogCaptureFixture
) -> None:
    search = f"{REST}registered-models/search"
    caplog.set_level(logging.INFO)
    mlflow.answers[search] = lambda h: send(h, b"<html>", "text/html", 502)
    with running(settings.model_copy(update={"models": ("*",)})):
        for outage in (1, 2):
            wait_until(lambda told=outage: told_of(caplog, "the registry is away") == told)  # type: ignore[misc]
            del mlflow.answers[search]
            wait_until(lambda told=outage: told_of(caplog, "the registry is back") == told)  # type: ignore[misc]
            mlflow.answers[search] = lambda h: send(h, b"<html>", "text/html", 502)


def told_of(caplog: pytest.LogCaptureFixture, event: str) -> int:
    return sum(message.startswith(event) for message in caplog.messages)


def test_a_refused_model_is_told_until_its_alias_is_gone(
    settings: Settings, cache: ModelCache, mlflow: FakeMlflow, tmp_path: Path
) -> None:
    mlflow.register("bare", "1", tmp_path, None)
    sync = RegistrySync(settings.model_copy(update={"models": ("*",), "import_": "off"}))
    assert sync.sync_once() == {"bare": "refused"}
    assert cache.refused() == ["bare"]
    del mlflow.aliases["bare"]["champion"]
    assert sync.sync_once() == {"bare": "removed"}
    assert cache.refused() == []


# --- a registry that is slow, or loses things


def test_a_slow_download_holds_up_no_other_model(
    settings: Settings, cache: ModelCache, registry: Registry, mlflow: FakeMlflow
) -> None:
    registry.housing("1")
    gate = HeldAnswer(mlflow, f"{ARTIFACTS}/1/models/housing/1/vigie/model.onnx")
    with running(settings.model_copy(update={"models": ("housing", "iris")})):
        assert gate.reached.wait(60)
        for version in ("1", "2"):
            registry.iris(version)
            wait_until(lambda wanted=version: version_of(cache, "iris") == wanted)  # type: ignore[misc]
        assert cache.champion("housing") is None
        gate.open.set()
        wait_until(lambda: cache.champion("housing") is not None)


@pytest.mark.parametrize("lost", ["the version", "the model", "everything"])
def test_what_the_registry_loses_goes_on_serving(
    settings: Settings,
    cache: ModelCache,
    registry: Registry,
    mlflow: FakeMlflow,
    caplog: pytest.LogCaptureFixture,
    lost: str,
) -> None:
    registry.housing("1")
    registry.housing("1", 2.0, "cottages")
    every = RegistrySync(settings.model_copy(update={"models": ("housing", "*")}))
    every.sync_once()
    if lost == "the version":
        mlflow.delete("cottages", "1")
    elif lost == "the model":
        mlflow.delete("cottages", "1")
        del mlflow.aliases["cottages"]
    else:
        mlflow.empty()
    for _ in range(2):
        assert "cottages" not in every.sync_once()
    assert cache.models() == ["cottages", "housing"]
    said = "cottages has no champion in MLflow; version 1 goes on serving"
    assert caplog.messages.count(said) == 1
    message = "housing has no champion in MLflow; version 1 goes on serving"
    assert caplog.messages.count(message) == (lost == "everything")


def test_a_look_that_ends_late_is_followed_by_another_at_once(
    settings: Settings, registry: Registry, mlflow: FakeMlflow
) -> None:
    alias = f"{REST}registered-models/alias"
    late = threading.Event()

    def fail_late(handler: BaseHTTPRequestHandler) -> None:
        late.wait(60)
        send(handler, b"", status=500)

    mlflow.answers[alias] = fail_late
    registry.housing("1")
    sync = RegistrySync(settings)
    assert sync.sync_once(0.05) == {}
    late.set()
    wait_until(sync._under_way["housing"].done)
    del mlflow.answers[alias]
    assert sync.sync_once() == {"housing": "installed"}
