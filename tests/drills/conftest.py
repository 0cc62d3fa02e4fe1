"""A registry of one drill's own, and the processes that read it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.quick import QUICK
from support.service import LiveService, MakeService
from support.stage import Follow, Registry, RegistryProcess
from vigie.registry.cache import ModelCache


@pytest.fixture(scope="session", autouse=True)
def _as_in_production() -> Iterator[None]:
    """What runs for minutes, and whose speed is looked at, has all of its threads and its Java."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in QUICK.items():
            if os.environ.get(name) == value:
                patch.delenv(name)
        yield


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """A registry with version 1 of `housing` and of `iris`."""
    made = Registry(tmp_path / "registered")
    for name in ("housing", "iris"):
        made.register(name, "1")
    yield made
    made.go_away()


@pytest.fixture
def follow(tmp_path: Path, cache: ModelCache, registry: Registry) -> Iterator[Follow]:
    """Starts model-sync; it must end well."""
    made: list[RegistryProcess] = []

    def start(**environment: str) -> RegistryProcess:
        made.append(RegistryProcess(tmp_path, cache.folder, registry.url, **environment))
        return made[-1]

    yield start
    for process in made:
        process.stop()


@pytest.fixture
def service(make_service: MakeService) -> LiveService:
    return make_service(VIGIE_MODELS="housing,iris,*")
