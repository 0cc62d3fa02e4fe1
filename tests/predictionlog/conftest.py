"""Desks that tests of the prediction log share."""

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


@pytest.fixture
def desk_on_postgresql(cache: ModelCache, tmp_path: Path) -> Iterator[Desk]:
    with Postgres.of_its_own(free_port()) as server:
        desk = Desk(loaded(log_settings(cache, tmp_path, database_url=server.url)))
        yield desk
        desk.worker_state.prediction_log.close()
        desk.database.close()
