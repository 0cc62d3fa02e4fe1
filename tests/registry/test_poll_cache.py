"""One list of all models stands for a question about each."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from support.fake_mlflow import REST, FakeMlflow
from support.packages import install
from support.registered import Registry
from vigie.registry.cache import ModelCache
from vigie.registry.client import RegisteredModel, RegisteredVersion
from vigie.registry.poll_cache import MOST_RECHECKS, PollCache
from vigie.registry.sync import RegistrySync
from vigie.settings import Settings

MODELS = 20


def test_a_look_may_end_while_a_round_begins(cache: ModelCache) -> None:
    """Looks of the round before go on in threads of their own, and are noted when they end."""
    polls = PollCache(cache)
    names = [f"small{number}" for number in range(2_000)]
    over = threading.Event()

    def note() -> None:
        while not over.is_set():
            for name in names:
                polls.note(RegisteredModel(name, {}), "current", "absent")

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    other = threading.Thread(target=note)
    other.start()
    try:
        for _ in range(300):
            polls.begin(names)
    finally:
        over.set()
        other.join()
        sys.setswitchinterval(before)


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


def test_a_round_asks_a_few_questions_however_many_models_there_are(
    settings: Settings, cache: ModelCache, mlflow: FakeMlflow, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    mlflow.page_size = MODELS
    names = [f"small{number:02d}" for number in range(MODELS)]
    for name in names:
        mlflow.register(name, "1", tmp_path, install(cache, name))
    every = settings.model_copy(update={"models": (names[0], "*"), "import_": "off"})
    sync = RegistrySync(every)
    assert sync.sync_once() == dict.fromkeys(names, "current")
    monkeypatch.setattr("vigie.registry.poll_cache.RECHECK_SECONDS", -1.0)
    rounds, looked_at = MODELS // MOST_RECHECKS, Counter[str]()
    told = sync._champions.sync

    def counting(wanted: RegisteredVersion, stop: threading.Event) -> object:
        looked_at[wanted.name] += 1
        return told(wanted, stop)

    monkeypatch.setattr(sync._champions, "sync", counting)
    for _ in range(rounds):
        mlflow.asked.clear()
        assert sync.sync_once() == dict.fromkeys(names, "current")
        # the list, and of each that is looked at again its champion and its challenger
        assert len(mlflow.asked) == 1 + 2 * MOST_RECHECKS
    # each in its turn
    assert looked_at == dict.fromkeys(names, 1)


def test_what_was_refused_is_asked_about_before_what_serves(
    settings: Settings, cache: ModelCache, mlflow: FakeMlflow, registry: Registry, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    names = [f"small{number}" for number in range(2 * MOST_RECHECKS)]
    for name in names:
        mlflow.register(name, "1", tmp_path, install(cache, name))
    mlflow.register("zones", "1", tmp_path, None)
    sync = RegistrySync(settings.model_copy(update={"models": (names[0], "*"), "import_": "off"}))
    assert sync.sync_once()["zones"] == "refused"
    digest = registry.housing("1", name="zones")
    assert sync.sync_once()["zones"] == "refused"
    assert digest
    monkeypatch.setattr("vigie.registry.poll_cache.RECHECK_SECONDS", -1.0)
    assert sync.sync_once()["zones"] == "installed"
