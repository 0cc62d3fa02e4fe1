"""One list of all models stands for a question about each."""

from __future__ import annotations

import pytest

from support.fake_mlflow import REST, FakeMlflow
from support.registered import Registry
from vigie.registry.cache import ModelCache
from vigie.registry.sync import RegistrySync
from vigie.settings import Settings


def test_a_model_that_has_not_moved_costs_no_question_of_its_own(
    settings: Settings, cache: ModelCache, registry: Registry, mlflow: FakeMlflow,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    registry.housing("1")
    registry.housing("1", 2.0, "cottages")
    sync = RegistrySync(settings.model_copy(update={"models": ("housing", "*"), "import_": "off"}))
    sync.sync_once()
    sync.sync_once()
    mlflow.asked.clear()
    assert sync.sync_once() == {"housing": "current", "cottages": "current"}
    assert mlflow.asked == [f"{REST}registered-models/search"]

    registry.housing("2", 3.0)
    assert sync.sync_once() == {"housing": "installed", "cottages": "current"}
    with cache.lock("cottages"):
        cache.forget("cottages")
    assert sync.sync_once() == {"housing": "current", "cottages": "installed"}
    mlflow.aliases["housing"]["challenger"] = "1"
    sync.sync_once()
    assert cache.challenger("housing") is not None
    # a tag that was changed by hand is not in the list
    sync.sync_once()
    mlflow.versions["housing", "2"]["tags"] = []
    assert sync.sync_once()["housing"] == "current"
    monkeypatch.setattr("vigie.registry.poll_cache.RECHECK_SECONDS", -1.0)
    assert sync.sync_once()["housing"] == "refused"
