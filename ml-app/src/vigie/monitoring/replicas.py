"""What all replicas of a service have counted, those before the last upgrade too: one folder."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from vigie.files import locked, write_atomically
from vigie.monitoring.snapshots import SnapshotFolder, counted_alone

if TYPE_CHECKING:
    from vigie.monitoring.snapshots import Family

STEP_SECONDS = 10.0
LONGEST_STEP_SECONDS = 20.0
STEP_SHARE = 0.01
"""The most of a core that it takes: the figures of very many models come less often."""
FRESH_SECONDS = 30.0
"""A replica that has written nothing for so long is gone, or stands still: only its counts stay."""
GONE_SECONDS = 3600.0
"""After so long it never comes back: one that stood still would else count twice."""
NAME = "replica.json"


class ReplicaFolder(SnapshotFolder):
    """The folder that the publisher of each replica writes to, and the status page adds up."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._next = 0.0

    def is_due(self) -> bool:
        """True where the replica of this process is to write its figures again."""
        return time.monotonic() >= self._next

    def put(self, families: list[Family], own: Path) -> None:
        """Writes what this replica has counted; `own` is the folder that its next start empties.

        Adds up replicas that are gone. Raises `OSError`.
        """
        began = time.monotonic()
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self.folder / _name_in(own), orjson.dumps(families))
        with locked(self.folder / ".lock"):
            self.bury()
        took = time.monotonic() - began
        self._next = began + min(max(STEP_SECONDS, took / STEP_SHARE), LONGEST_STEP_SECONDS)

    def count(self) -> int:
        """How many replicas have written lately."""
        return sum(_age(path) < FRESH_SECONDS for path in self._files())

    def _load(self, path: Path) -> list[Family]:
        families = super()._load(path)
        return families if _age(path) < FRESH_SECONDS else counted_alone(families)

    def _is_gone(self, path: Path) -> bool:
        return GONE_SECONDS < _age(path) < float("inf")


def _name_in(own: Path) -> str:
    """The name of this replica's file: another one whenever its counts begin anew."""
    path = own / NAME
    try:
        name: str = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        name = f"{time.time_ns()}-{secrets.token_hex(4)}.json"
        write_atomically(path, orjson.dumps(name))
    return name


def _age(path: Path) -> float:
    """The seconds since a file was written; endless where it is gone already."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return float("inf")
