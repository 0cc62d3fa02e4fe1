"""A download ends when nobody wants it any more."""

from __future__ import annotations

import threading

import pytest

from support.fake_mlflow import ARTIFACTS, FakeMlflow
from support.registered import HeldAnswer, Registry, running, served
from support.waiting import wait_until
from vigie.registry.alias_sync import SyncResult
from vigie.registry.cache import ModelCache
from vigie.registry.sync import RegistrySync
from vigie.settings import Settings


def test_a_download_ends_when_its_alias_moves(
    settings: Settings,
    cache: ModelCache,
    registry: Registry,
    mlflow: FakeMlflow,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vigie.registry.fetch.LOOK_SECONDS", 0.05)
    good = registry.housing("1")
    RegistrySync(settings).sync_once()
    registry.housing("2", 2.0)
    gate = HeldAnswer(mlflow, f"{ARTIFACTS}/1/models/housing/2/vigie/model.onnx")
    sync = RegistrySync(settings)
    look = threading.Thread(target=lambda: outcomes.append(sync.sync_once()))
    outcomes: list[dict[str, SyncResult]] = []
    look.start()
    assert gate.reached.wait(60)
    mlflow.aliases["housing"]["champion"] = "1"
    look.join(60)
    assert outcomes == [{"housing": "superseded"}]
    assert sync.sync_once() == {"housing": "current"}
    assert served(cache).digest == good
    gate.open.set()


def test_a_download_ends_with_the_process(
    settings: Settings, registry: Registry, mlflow: FakeMlflow
) -> None:
    registry.housing("1")
    gate = HeldAnswer(mlflow, f"{ARTIFACTS}/1/models/housing/1/vigie/model.onnx")
    with running(settings):
        assert gate.reached.wait(60)
    assert gate.broken_off.wait(60)


def test_a_champion_does_not_wait_for_the_download_of_a_challenger(
    settings: Settings,
    cache: ModelCache,
    registry: Registry,
    mlflow: FakeMlflow,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vigie.registry.fetch.LOOK_SECONDS", 0.05)
    for version in ("1", "2", "3"):
        registry.housing(version, float(version))
    mlflow.aliases["housing"] = {"champion": "1", "challenger": "2"}
    gate = HeldAnswer(mlflow, f"{ARTIFACTS}/1/models/housing/2/vigie/model.onnx")
    with running(settings):
        assert gate.reached.wait(60)
        mlflow.aliases["housing"]["champion"] = "3"
        wait_until(lambda: served(cache).version == "3")
        gate.open.set()
