"""The database of the log: its tables are those of the code, made once, and of a kind we know."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.prediction_log import migrated
from vigie.errors import ConfigurationError
from vigie.predictionlog.database import Database, migrate
from vigie.predictionlog.tables import REVISION, metadata


def test_the_steps_make_the_tables_that_the_code_declares(tmp_path: Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    database = migrated("", tmp_path / "log.db")
    migrate(database)
    with database.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    database.close()


def test_many_may_make_the_tables_at_once(tmp_path: Path) -> None:
    databases = [Database("", tmp_path / "state" / "log.db") for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(Database.prepare, databases))
    assert [database.revision() for database in databases] == [REVISION] * 3
    for database in databases:
        database.close()


@pytest.mark.parametrize("url", ["mysql://host/x", "no address"])
def test_another_database_stops_the_start(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="VIGIE_DATABASE_URL"):
        Database(url, tmp_path / "log.db")
