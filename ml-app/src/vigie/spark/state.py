"""`_vigie.json` of an output: what made it, how far it is, and what it holds."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from vigie.errors import DataError

if TYPE_CHECKING:
    from vigie.engines.predictor import Predictor
    from vigie.spark.storage import Storage

STATE = "_vigie.json"
PARTS = "_parts"
FEATURES, QUARANTINE, PCA, ANSWERS = "features", "quarantine", "pca", "answers"
FOLDERS = (FEATURES, QUARANTINE, PCA, ANSWERS, PARTS)
"""What a command writes beside its state, and writes anew or deletes."""
_FORMAT = 1

Facts = Mapping[str, Any]
"""What must be the same to go on, by names that are shown to people; plain JSON."""


def facts_of(
    command: str, predictor: Predictor, source: str, patterns: Iterable[str]
) -> dict[str, Any]:
    """The facts of every command: its name, its model, and what that is asked about."""
    package = predictor.package
    return {
        "command": command,
        "model": [package.document.name, package.digest, predictor.engine.name],
        "input": source,
        "choice of photos": list(patterns),
    }


class OutputState:
    """An output folder: claimed before the first row, described after the last one."""

    def __init__(self, storage: Storage, uri: str) -> None:
        self._storage, self.uri = storage, uri

    def claim(self, facts: Facts, restart: bool, kept: Collection[str] = ()) -> None:
        """Makes the output this run's, or goes on with it where `facts` are those it began with.

        `restart` deletes what an earlier command has written there but the folders `kept`, and
        nothing of others. Raises `DataError` for an output that is somebody else's, or was begun
        with another command, model or other options.
        """
        if restart and self._storage.exists(f"{self.uri}/{STATE}"):
            self._empty(kept)
        elif (former := self.read()) is not None:
            _require_same(former.get("facts", {}), facts)
        elif names := self._of_others():
            raise DataError(f"OUTPUT has other files, such as {names[0]}: name an empty folder")
        # of an output that was done, too: its tables are about to be overwritten
        self._write({"state": "begun", "facts": dict(facts)})

    def finish(self, facts: Facts, told: Mapping[str, Any]) -> None:
        """Says that all is there, and what."""
        self._write({"state": "done", "facts": dict(facts), **told})

    def read(self) -> dict[str, Any] | None:
        """What the file says; nothing where there is none."""
        content = self._storage.read(f"{self.uri}/{STATE}")
        if content is None:
            return None
        try:
            found = json.loads(content)
            if isinstance(found, dict) and found.get("format") == _FORMAT:
                return found
        except ValueError:
            pass
        raise DataError(f"{STATE} of OUTPUT is broken: --restart begins anew")

    def _of_others(self) -> list[str]:
        # a first run that was killed may leave the beginning of its state beside it
        own = (f"{STATE}.", f".{STATE}.")
        return [name for name in self._storage.names(self.uri) if not name.startswith(own)]

    def _empty(self, kept: Collection[str]) -> None:
        # stopped amid this it stays known as Vigie's, and no command goes on with what is left
        self._write({"state": "begun", "facts": {}})
        for name in FOLDERS:
            if name not in kept:
                self._storage.delete(f"{self.uri}/{name}")

    def _write(self, told: Mapping[str, Any]) -> None:
        content = json.dumps({"format": _FORMAT, **told}, ensure_ascii=False, indent=2)
        self._storage.write(f"{self.uri}/{STATE}", content.encode() + b"\n")


def _require_same(begun: Facts, facts: Facts) -> None:
    if other := [name for name in {**facts, **begun} if begun.get(name) != facts.get(name)]:
        raise DataError(
            f"OUTPUT was begun with another {', another '.join(other)}; --restart begins anew, "
            "the former command goes on"
        )
