"""What several tests need: packages in a cache, the parts of a worker, a real service."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest
from hypothesis import HealthCheck
from hypothesis.configuration import set_hypothesis_home_dir

from support.packages import install_tensor_models
from support.quick import QUICK
from support.service import LiveService, MakeService
from support.transport import AskEndpoint, ask_endpoint
from support.worker import filled_cache, loaded, settings_for
from vigie.registry.cache import ModelCache
from vigie.serving.worker_state import WorkerState
from vigie.settings import Settings

pytest_plugins = ("support.distribution", "support.skips", "support.spark_session")


def pytest_configure(config: pytest.Config) -> None:
    """Says where programs and notes of examples are, and that no example has to be quick."""
    for name, value in QUICK.items():
        os.environ.setdefault(name, value)
    os.environ["PATH"] = f"{config.rootpath / '.tools' / 'bin'}:{os.environ['PATH']}"
    # in a `.hypothesis` pytest would look for tests
    set_hypothesis_home_dir(config.rootpath / ".pytest_cache" / "hypothesis")
    slow = [HealthCheck.too_slow]
    hypothesis.settings.register_profile("any machine", deadline=None, suppress_health_check=slow)
    hypothesis.settings.load_profile("any machine")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported and collected stays: nobody need look through it for garbage."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _plain_environment() -> Iterator[None]:
    """No setting of the person who runs the tests reaches them."""
    with pytest.MonkeyPatch.context() as patch:
        settings = [name for name in os.environ if name.startswith("VIGIE_")]
        for name in settings:
            if name.startswith("VIGIE_TEST_"):
                continue
            patch.delenv(name)
        yield


@pytest.fixture
def cache(tmp_path: Path) -> ModelCache:
    """A cache of one test's own, with `housing` and `iris`."""
    return filled_cache(tmp_path / "cache")


@pytest.fixture
def settings(tmp_path: Path, cache: ModelCache) -> Settings:
    """Settings that name that cache."""
    return settings_for(cache, tmp_path / "state")


@pytest.fixture
def worker_state(settings: Settings) -> WorkerState:
    """The parts of a worker of one test's own, its models loaded, nothing in the background."""
    return loaded(settings)


@pytest.fixture(scope="session")
def shared_worker_state(tmp_path_factory: pytest.TempPathFactory) -> WorkerState:
    """The parts of a worker for tests that only ask it."""
    folder = tmp_path_factory.mktemp("shared")
    return loaded(settings_for(filled_cache(folder / "cache"), folder / "state"))


@pytest.fixture(scope="session")
def tensor_worker_state(tmp_path_factory: pytest.TempPathFactory) -> WorkerState:
    """The parts of a worker that serves version 123 of `half_plus_two` and of `sensors`."""
    folder = tmp_path_factory.mktemp("tensors")
    cache = ModelCache(folder / "cache")
    install_tensor_models(cache)
    models = ("half_plus_two", "sensors")
    return loaded(settings_for(cache, folder / "state", models=models))


@pytest.fixture
def ask() -> Iterator[AskEndpoint]:
    """`ask_endpoint` for tests that are not coroutines: one loop for the whole test."""
    with asyncio.Runner() as runner:
        yield lambda *given, **named: runner.run(ask_endpoint(*given, **named))


@pytest.fixture
def make_service(tmp_path: Path, cache: ModelCache) -> Iterator[MakeService]:
    """Makes services on the test's cache; whatever the test leaves of them is ended."""
    made: list[LiveService] = []

    def make(**environment: str) -> LiveService:
        folder = tmp_path / f"service{len(made)}"
        folder.mkdir()
        made.append(LiveService(folder, cache.folder, **environment))
        return made[-1]

    yield make
    for service in made:
        service.clean_up()
