"""One PostgreSQL server for all that ask it on one worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.ports import free_port
from support.prediction_log import Postgres


@pytest.fixture(scope="session")
def _postgres() -> Iterator[Postgres]:
    with Postgres.of_its_own(free_port()) as server:
        yield server


@pytest.fixture
def postgres_url(_postgres: Postgres) -> str:
    """A database on it that is new."""
    return _postgres.new_database()
