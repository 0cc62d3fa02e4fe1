"""What tests of the prediction log share: desks, and one PostgreSQL server for each worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.ports import free_port
from support.prediction_log import Desk, Postgres, log_settings
from support.worker import loaded
from vigie.registry.cache import ModelCache


@pytest.fixture
def desk(cache: ModelCache, tmp_path: Path) -> Iterator[Desk]:
    found = Desk(loaded(log_settings(cache, tmp_path)))
    yield found
    found.worker_state.prediction_log.close()
    found.database.close()


@pytest.fixture(scope="session")
def _postgres() -> Iterator[Postgres]:
    with Postgres.of_its_own(free_port()) as server:
        yield server


@pytest.fixture
def postgres_url(_postgres: Postgres) -> str:
    """A database on it that is new."""
    return _postgres.new_database()


@pytest.fixture
def desk_on_postgresql(cache: ModelCache, tmp_path: Path, postgres_url: str) -> Iterator[Desk]:
    desk = Desk(loaded(log_settings(cache, tmp_path, database_url=postgres_url)))
    yield desk
    desk.worker_state.prediction_log.close()
    desk.database.close()
