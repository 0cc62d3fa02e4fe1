"""A registry of a test's own, and a process that follows it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.fake_mlflow import FakeMlflow, fake_mlflow
from support.registered import Registry
from vigie.registry.cache import ModelCache
from vigie.registry.sync import RegistrySync
from vigie.settings import Settings, load_settings


@pytest.fixture
def mlflow() -> Iterator[FakeMlflow]:
    with fake_mlflow() as fake:
        yield fake


@pytest.fixture
def settings(mlflow: FakeMlflow, tmp_path: Path) -> Settings:
    return load_settings(
        mlflow_url=mlflow.url,
        cache=tmp_path / "cache",
        models=("housing",),
        poll_seconds=0.01,
        registry_timeout_seconds=60.0,
    )


@pytest.fixture
def cache(settings: Settings) -> ModelCache:
    return ModelCache(settings.cache)


@pytest.fixture
def registry(mlflow: FakeMlflow, tmp_path: Path) -> Registry:
    return Registry(mlflow, tmp_path / "registered")


@pytest.fixture
def sync(settings: Settings) -> RegistrySync:
    return RegistrySync(settings)
