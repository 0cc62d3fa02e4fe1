"""Brings the tables of the prediction log up to date; also a small program, for the service."""

from __future__ import annotations

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config

from vigie.predictionlog.database import Database

STEPS = Path(__file__).parent / "migrations"


def migrate(database: Database) -> None:
    """Runs the steps that are missing. Callers at the same time wait for each other."""
    config = Config()
    config.set_main_option("script_location", str(STEPS).replace("%", "%%"))
    with database.migration() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


if __name__ == "__main__":
    migrate(Database(sys.stdin.read(), Path()))
