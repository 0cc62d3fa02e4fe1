"""The database of the prediction log: SQLite or PostgreSQL, its tables made under a lock."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, inspect, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from vigie.errors import ConfigurationError, Unavailable
from vigie.files import locked
from vigie.predictionlog.tables import REVISION

if TYPE_CHECKING:
    from vigie.settings import Settings

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 30
MIGRATE_SECONDS = 60
_LOCK_NUMBER = 8246_5001
"""Names the lock of migrations in PostgreSQL."""
_JOIN_LOCK_NUMBER = 8246_5002
_STEPS = Path(__file__).parent / "migrations"


class Database:
    """Connections to the log's database. Nothing is opened before the first use."""

    def __init__(self, url: str, file: Path) -> None:
        """`url` as in the settings; where it is empty the log is the SQLite file `file`."""
        self.url = _checked(url, file)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(self.url) if self.is_sqlite else _postgres_engine(self.url)
        self._ready = False
        self._turn = threading.Lock()
        self._file = file
        self._migration: subprocess.Popen[bytes] | None = None

    def exists(self) -> bool:
        """False where it is a file that is not there; a server is asked only when it is used."""
        if self.is_sqlite and self.url.database:
            return Path(self.url.database).is_file()
        return True

    def begin(self) -> contextlib.AbstractContextManager[Connection]:
        """A transaction, on tables that are there."""
        self.prepare()
        return self.engine.begin()

    def prepare(self) -> None:
        """Makes the tables where they are missing or old, in a process of its own.

        The tools for it would stay in the memory of whoever loads them.
        """
        if self._ready:
            return
        self._make_folder()
        if self.revision() != REVISION:
            with self._alone():
                if self.revision() != REVISION:
                    self._migrate()
        self._ready = True

    def _migrate(self) -> None:
        command = [sys.executable, "-m", "vigie.predictionlog.database"]
        nothing = subprocess.DEVNULL
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=nothing, stderr=nothing
        ) as process:
            self._migration = process
            try:
                url = self.url.render_as_string(hide_password=False)
                process.communicate(url.encode(), MIGRATE_SECONDS)
            finally:
                # nothing, where it has ended; what it began is undone otherwise
                process.kill()
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Holds up the other threads and workers of this service: all at once they take longest."""
        file = self._file.with_suffix(".migrating")
        file.parent.mkdir(parents=True, exist_ok=True)
        with self._turn, locked(file):
            yield

    def doubt(self) -> None:
        """Makes the next use look at the tables again: the database may be another one by then."""
        self._ready = False

    def revision(self) -> str | None:
        """The step of the migrations at which the tables are; `None` where there are none."""
        with self.engine.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            found = connection.execute(text("select version_num from alembic_version")).scalar()
            return None if found is None else str(found)

    def insert_missing(
        self, connection: Connection, table: Table, rows: list[dict[str, Any]]
    ) -> None:
        """Inserts the rows whose key is not there yet."""
        dialect = sqlite if self.is_sqlite else postgresql
        if rows:
            connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)

    def joins_alone(self, connection: Connection) -> bool:
        """True where no other service joins in this database until the transaction ends."""
        if self.is_sqlite:
            return True
        taken = text("select pg_try_advisory_xact_lock(:number)")
        return bool(connection.execute(taken, {"number": _JOIN_LOCK_NUMBER}).scalar())

    @contextlib.contextmanager
    def migration(self) -> Iterator[Connection]:
        """A transaction in which nobody else migrates."""
        self._make_folder()
        with contextlib.ExitStack() as stack:
            if self.is_sqlite and self.url.database:
                stack.enter_context(locked(Path(f"{self.url.database}.lock")))
            connection = stack.enter_context(self.engine.begin())
            if not self.is_sqlite:
                number = {"number": _LOCK_NUMBER}
                connection.execute(text("select pg_advisory_xact_lock(:number)"), number)
            yield connection

    def close(self) -> None:
        """Closes the connections, and ends a migration that is under way."""
        if self._migration is not None:
            self._migration.kill()
        self.engine.dispose()

    def _make_folder(self) -> None:
        if self.is_sqlite and self.url.database:
            Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)


def open_database(settings: Settings) -> Database:
    """The database of the settings, not yet connected to."""
    url = settings.database_url.get_secret_value()
    return Database(url, settings.state / "predictions.db")


def migrate(database: Database) -> None:
    """Runs the steps that are missing. Callers at the same time wait for each other."""
    # whoever answers or writes does without it
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_STEPS).replace("%", "%%"))
    with database.migration() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turns a failure of the database into `Unavailable`, which says nothing about it."""
    try:
        yield
    except (SQLAlchemyError, OSError, subprocess.SubprocessError):
        raise Unavailable(
            "The database of the prediction log is away; try again soon.", "database", retry_after=5
        ) from None


def _checked(url: str, file: Path) -> URL:
    if not url:
        return URL.create("sqlite", database=str(file))
    try:
        found = make_url(url)
    except ArgumentError:
        raise ConfigurationError("VIGIE_DATABASE_URL: this is no address of a database") from None
    if found.drivername in ("postgres", "postgresql"):
        return found.set(drivername="postgresql+psycopg")
    if found.get_backend_name() not in ("sqlite", "postgresql"):
        raise ConfigurationError("VIGIE_DATABASE_URL: it begins with sqlite: or postgresql:")
    return found


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": CONNECT_SECONDS})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        # several processes write: readers must not wait, and a killed writer must not lose the file
        for pragma in ("journal_mode=wal", "synchronous=normal", "secure_delete=on"):
            connection.execute(f"pragma {pragma}").close()

    return engine


def _postgres_engine(url: URL) -> Engine:
    return create_engine(
        url, pool_size=2, max_overflow=2, pool_pre_ping=True, pool_timeout=CONNECT_SECONDS,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "options": f"-c statement_timeout={STATEMENT_SECONDS}s",
        },
    )  # fmt: skip


if __name__ == "__main__":
    # the process of `Database.prepare`, which hands the address over where nobody else can read it
    migrate(Database(sys.stdin.read(), Path()))
